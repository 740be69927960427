"""The audit log, its projections, metrics and verdicts in SQLite or Postgres."""
