"""The inference server: its own process, which knows the model, its reference and the prediction log, not Dagster."""
