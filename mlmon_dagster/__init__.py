"""Model operations for Dagster: a pipeline is one YAML file, its eight stages are assets, its promotions are governed."""

__version__ = "0.1.0"
