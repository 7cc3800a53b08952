"""The demonstration that `make run` shows: a CRM, sample leads, people at work, and what came of it."""
