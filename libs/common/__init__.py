"""The kit every service stands on: database, events, HTTP, security, telemetry. No word of the domain."""
