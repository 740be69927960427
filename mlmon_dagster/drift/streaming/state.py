"""What a detector says after each value."""

from typing import NamedTuple, Protocol


class State(NamedTuple):
    """How far the watched number has moved (`value`), and from where on it counts as changed (`limit`).

    `value` is not negative and `changed` holds where it is above `limit`. `seen` is the number of values seen since
    the detector was made or last found a change.
    """

    value: float
    limit: float
    changed: bool
    seen: int


class Detector(Protocol):
    """Watches one number; after a change it begins anew with the values that follow."""

    def update(self, value: float) -> State: ...
