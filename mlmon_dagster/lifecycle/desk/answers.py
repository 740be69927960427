"""What a desk answers with: the record, its receipt, and what a gate says."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from mlmon_dagster.governance.gates import GateVerdict
from mlmon_dagster.lifecycle.queries import Receipt

R = TypeVar("R")


@dataclass(frozen=True)
class Recorded(Generic[R]):
    """What a command changed, or found as it was asked to make it."""

    record: R
    receipt: Receipt
    gate: GateVerdict | None = None
    """For promotions: what their gate says now."""
