"""Many tests at once: p-values corrected for their number."""

from collections.abc import Sequence


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given.

    Calling drift where one is below 0.01 keeps the expected share of false ones among all that are called below 1%.
    Source: Benjamini and Hochberg, "Controlling the false discovery rate", 1995.

    >>> adjusted([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    count, smallest = len(p_values), 1.0
    found = [1.0] * count
    for rank, place in sorted(enumerate(sorted(range(count), key=p_values.__getitem__), 1), reverse=True):
        smallest = min(smallest, p_values[place] * count / rank)
        found[place] = smallest
    return found
