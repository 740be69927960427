"""Dagster resources around the ports: database, object store, MLflow."""
