"""The distributed system as processes of this machine: servers, topics, databases, services."""
