"""Engines, one file each: where rows are counted on a profile's grids; all of them give the same whole numbers."""
