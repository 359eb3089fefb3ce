"""The system's command line: the main job on sample data, and the same with one's own files."""
