"""What schedules ask for: any assets of the code location, of pipelines with whatever windows."""

ANY_ASSETS = "__ASSET_JOB"
"""Dagster's own job of every asset; a schedule's `target` would become a job of assets with the same windows.

Sensors reach the same job by their `asset_selection`.
"""
