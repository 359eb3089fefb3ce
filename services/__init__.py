"""The services. Each owns its database; none imports another."""
