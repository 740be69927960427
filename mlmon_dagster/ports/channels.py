"""How alerts travel."""

from collections.abc import Mapping
from typing import Any, Protocol


class Channel(Protocol):
    """Family `channel`: how an alert travels. Raises `UnavailableError` when it could not be delivered."""

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None: ...
