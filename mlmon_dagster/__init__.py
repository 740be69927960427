"""Model operations for Dagster: one YAML file, eight stages as assets, governed promotions."""

__version__ = "0.1.0"
