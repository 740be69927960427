"""Everything that can be checked about the audit log, one sentence for each part, whatever the others say."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.governance.audit import verify
from mlmon_dagster.lifecycle.checkpoints import INTERVAL, Covered, Notary, verify_checkpoints
from mlmon_dagster.lifecycle.governance import Governance

LATE = 3 * INTERVAL
"""A newest checkpoint that is older says that nobody signs."""


@dataclass(frozen=True)
class Soundness:
    """One part of the log, and whether it is as it should be."""

    part: str
    sound: bool
    said: str


def examine(governance: Governance, notary: Notary, guards: Callable[[], list[str]]) -> Iterator[Soundness]:
    """Chain, head with copies and tables, checkpoints, their age, every other store, and the database's guards."""
    ledger = governance.ledger
    yield _tried("chain", lambda: f"{verify(ledger.lines())[0]} entries, unbroken")
    yield _tried("tables", lambda: f"head, columns and tables agree with {ledger.verify()[0]} entries")
    yield _tried("checkpoints", lambda: _covered(verify_checkpoints(ledger, notary)))
    yield _tried("signing", lambda: _fresh(governance, notary))
    for place, store in enumerate(notary.stores[1:], 2):
        copy = Notary(notary.name, notary.signer, (store,))
        yield _tried(f"checkpoints, place {place}", lambda copy=copy: _covered(verify_checkpoints(ledger, copy)))  # type: ignore[misc]
    problems = guards()
    yield Soundness("guards", not problems, "; ".join(problems) or "the database keeps the log append-only")


def _covered(found: Covered) -> str:
    if not found.checkpoints:
        raise MlmonError("there is no checkpoint: a log that was written anew would not show")
    return f"{found.checkpoints} agree; {found.uncovered} entries are not covered yet"


def _fresh(governance: Governance, notary: Notary) -> str:
    newest = notary.newest()
    age = governance.now() - newest.at if newest else None
    if age is None or age > LATE:
        said = f"{int(age.total_seconds())} s ago" if age is not None else "never"
        raise MlmonError(f"the log was signed {said}: is the Dagster daemon running?")
    return f"signed {int(age.total_seconds())} s ago"


def _tried(part: str, examined: Callable[[], str]) -> Soundness:
    try:
        return Soundness(part, True, examined())
    except MlmonError as error:
        return Soundness(part, False, error.message)
