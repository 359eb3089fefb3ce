"""What a course is, how raw values become one, and how an import changes what is known. Pure."""
