"""GitHub's REST API, as a machine uses it."""
