"""Whether a connector's configuration fits a live CRM, tried step by step."""
