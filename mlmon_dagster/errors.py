"""The one tree of errors: what came, what was expected, what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class MlmonError(Exception):
    """A failure that a person can act on.

    `message` says what came and what was expected; `hint`, if given, says what to do next; `code` is for programs:
    the kind of failure unless a narrower one is given. `exit_code` is what the command line returns for it.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "FAILED"

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.kind

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class FailedError(MlmonError):
    """The work was understood, was tried, and did not succeed (exit code 1)."""


class InputError(MlmonError):
    """Usage, configuration or data that cannot be accepted (exit code 2)."""

    exit_code = 2
    kind = "INPUT"


class MissingError(InputError):
    """Something was named that does not exist; the message lists what does."""

    kind = "MISSING"


@dataclass(frozen=True)
class Problem:
    """One mistake in a pipeline file: where it stands and what was expected there.

    >>> print(Problem("RANGE", "expected at least 1, got 0", line=14, column=9, file="pipeline.yaml"))
    pipeline.yaml:14:9: expected at least 1, got 0 [RANGE]
    """

    code: str
    message: str
    line: int = 0
    """From 1; 0 where the body did not come from a text."""
    column: int = 0
    path: tuple[str | int, ...] = ()
    """Keys (and positions in lists) that lead to it."""
    file: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.message} [{self.code}]" if place else f"{self.message} [{self.code}]"


class InvalidPipelineError(InputError):
    """Pipeline files that cannot be accepted; `problems` holds every mistake that was found."""

    kind = "INVALID_PIPELINE"

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = tuple(problems)


class DataError(InputError):
    """A data set that cannot be read or does not fit its declaration."""


class DeniedError(MlmonError):
    """The actor's roles do not permit this (exit code 3)."""

    exit_code = 3
    kind = "DENIED"


class BlockedError(MlmonError):
    """A gate is closed, a lock is set or the state has moved on (exit code 4)."""

    exit_code = 4
    kind = "BLOCKED"


class ChangedError(BlockedError):
    """What was seen is not what is there now: somebody else was quicker."""

    kind = "CHANGED"


class UnavailableError(MlmonError):
    """A service this needs cannot be reached (exit code 5)."""

    exit_code = 5
    kind = "UNAVAILABLE"


class TamperedError(FailedError):
    """The audit log does not verify: `seq` is the first entry that fails."""

    kind = "TAMPERED"

    def __init__(self, message: str, *, seq: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.seq = seq
