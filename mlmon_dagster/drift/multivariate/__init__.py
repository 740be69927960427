"""Drift that no single column shows: methods over several columns at once."""
