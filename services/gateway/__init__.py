"""The one API: checks tokens, limits rates, sends each request to the service that owns it.

Owns nothing, publishes nothing, consumes nothing; keeps no store.
"""
