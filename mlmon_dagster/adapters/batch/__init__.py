"""Batch inference over folders of Parquet files: in constant memory, resumable, as the server answers."""
