"""The declared life of one model: from YAML to a `Pipeline`, its windows, locks and versions. Pure."""
