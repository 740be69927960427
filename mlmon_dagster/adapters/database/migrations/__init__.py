"""Alembic migrations of the database, applied when it is opened."""
