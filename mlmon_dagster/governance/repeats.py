"""Commands that were given a key, so that giving them again changes nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Repeat:
    """The key of a command that was carried out, and what it was about."""

    id: str
    """`actor/key`: keys of different actors have nothing to do with each other."""
    seq: int
    action: str
    subject: str
    """Identifier of the record that the command made or changed."""
    asked: str
    """Digest of what was asked for: the same key for something else is a mistake."""
