"""A histogram in the width of a word."""

from collections.abc import Sequence

from mlmon_dagster.cli._context import symbol

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", "_.:-=+*#"
"""Eight heights, for terminals that can show them and for those that cannot; the first is an empty bin."""

BINS = 12


def sparkline(shares: Sequence[float], highest: float) -> str:
    """One character for each share, `highest` being full height; an occupied bin is never drawn as empty."""
    signs = symbol(BLOCKS, PLAIN)
    top = len(signs) - 1
    heights = (0 if share <= 0 or highest <= 0 else max(1, round(share / highest * top)) for share in shares)
    return "".join(signs[min(height, top)] for height in heights)
