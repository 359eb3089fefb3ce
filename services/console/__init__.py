"""Pages for operators and advisers. Owns nothing, consumes nothing; reads the gateway's API alone."""
