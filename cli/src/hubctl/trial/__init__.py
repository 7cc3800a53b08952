"""A hub put to work for a demonstration, a test or a benchmark: tenants, a simulated CRM, a subscriber."""
