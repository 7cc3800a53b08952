"""An invented REST CRM, as a customer might have: leads under /v2, an API key, signed webhooks, faults on demand."""
