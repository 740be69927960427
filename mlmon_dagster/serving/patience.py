"""How long those who work in rounds wait for the ones they have just answered: these are likely to come again."""

from dataclasses import dataclass

ROUNDS = 16
"""How many rounds go by without waiting after it was in vain."""


@dataclass
class Patience:
    """A share of what a round takes, and at most so many seconds; none for a while where nobody came again in time."""

    share: float
    longest_seconds: float
    _hasty: int = 0

    def seconds(self, round_seconds: float) -> float:
        """How long to wait this time.

        >>> patience = Patience(0.5, 0.005)
        >>> patience.seconds(0.004), patience.seconds(1.0)
        (0.002, 0.005)
        >>> patience.was_in_vain()
        >>> patience.seconds(0.004)
        0.0
        """
        if self._hasty:
            self._hasty -= 1
            return 0.0
        return min(round_seconds * self.share, self.longest_seconds)

    def was_in_vain(self) -> None:
        """Not all came in time."""
        self._hasty = ROUNDS
