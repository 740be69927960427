"""Checks that a pipeline can declare: each judges one metric of a window."""
