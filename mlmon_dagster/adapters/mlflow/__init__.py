"""Models in MLflow: written, verified, registered and loaded; importing this package does not import MLflow."""
