"""The eight stages, one file each, and the factory that makes Dagster assets of them."""
