"""scipy's special functions, imported at the first use: an import inside a function costs more than many a distance."""

from functools import cache
from typing import Any


@cache
def special() -> Any:
    """`scipy.special`."""
    import scipy.special

    return scipy.special
