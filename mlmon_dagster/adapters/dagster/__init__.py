"""Dagster's own storage, chosen by the environment: SQLite beside our state, or Postgres."""
