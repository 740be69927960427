"""What a desk answers with: the record, its receipt, and what a gate says."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from mlmon_dagster.governance.gates import GateVerdict

R = TypeVar("R")


@dataclass(frozen=True)
class Receipt:
    """Number and hashes of the entry that recorded something: who keeps it can show that the log was not rewritten."""

    seq: int
    hash: str
    leaf: str


@dataclass(frozen=True)
class Recorded(Generic[R]):
    """What a command changed, or found as it was asked to make it."""

    record: R
    receipt: Receipt
    gate: GateVerdict | None = None
    """For promotions: what their gate says now."""
