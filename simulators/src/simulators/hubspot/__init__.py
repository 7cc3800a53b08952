"""HubSpot's cloud as its clients see it: CRM objects, search, properties, OAuth, limits, webhooks."""
