"""Pipedrive, simulated: API v2 and v1, OAuth, webhooks v2, token budgets. See developers.pipedrive.com."""
