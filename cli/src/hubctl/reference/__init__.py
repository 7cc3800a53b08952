"""Pages of docs/ that come from the code: settings, events, AsyncAPI."""
