"""What every CRM simulator needs: a clock, faults, a ledger of calls, limits, OAuth, webhooks, made-up people."""
