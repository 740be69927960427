"""The family `target`: where a deployment runs."""
