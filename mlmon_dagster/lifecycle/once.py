"""Keys that make a command safe to repeat: what was made with the key is returned instead of made again."""

import hashlib
import json
from collections.abc import Sequence

from mlmon_dagster.errors import BlockedError, InputError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.repeats import Repeat
from mlmon_dagster.lifecycle.governance import Act

LONGEST = 150


class Once:
    """One command with its key; without a key every command is the first.

    `asked` is what the command is about. Raises `BlockedError` when the actor used the key for something else.
    """

    def __init__(self, act: Act, key: str, asked: Sequence[object]) -> None:
        self.key, self.subject = readable(key, "key"), None
        if len(self.key) > LONGEST:
            raise InputError(f"the key has {len(self.key)} characters; at most {LONGEST} are possible")
        self.asked = hashlib.sha256(json.dumps(list(asked)).encode()).hexdigest()
        known = act.books.one(Repeat, f"{act.actor.name}/{self.key}") if self.key else None
        if known is not None and known.asked != self.asked:
            raise BlockedError(
                f"the key {self.key!r} was used for another command (entry {known.seq})",
                hint="use a new key for every command that is meant anew",
            )
        self.subject = known.subject if known else None

    @property
    def data(self) -> dict[str, str]:
        """What the entry holds, so that the key is known from now on."""
        return {"key": self.key, "asked": self.asked} if self.key else {}
