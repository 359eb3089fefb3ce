"""Libraries shared by the services: event contracts, reference codes, and the kit."""
