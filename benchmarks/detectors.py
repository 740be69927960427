"""CPU time of a value, detector by detector, ours and river's in turn; prints one JSON line."""

import json
import random
import statistics
import time
from collections.abc import Callable

from river import drift

from mlmon_dagster.drift.streaming.adwin import Adwin
from mlmon_dagster.drift.streaming.ewma import Ewma
from mlmon_dagster.drift.streaming.page_hinkley import PageHinkley

VALUES, ROUNDS = 50_000, 5
PAIRS: dict[str, tuple[Callable[[], object], Callable[[], object] | None]] = {
    "Ewma": (lambda: Ewma(0.5, 0.29), None),
    "PageHinkley": (PageHinkley, drift.PageHinkley),
    "Adwin": (Adwin, drift.ADWIN),
}


def cost(detector: object, values: list[float]) -> float:
    """Microseconds of CPU a value."""
    update = detector.update  # type: ignore[attr-defined]
    start = time.process_time()
    for value in values:
        update(value)
    return (time.process_time() - start) / len(values) * 1e6


def main() -> None:
    values = [random.random() for _ in range(VALUES)]
    found = {}
    for name, (ours, theirs) in PAIRS.items():
        rounds = [(cost(ours(), values), cost(theirs(), values) if theirs else None) for _ in range(ROUNDS)]
        mine, peers = [one for one, _ in rounds], [peer for _, peer in rounds if peer is not None]
        found[name] = (statistics.median(mine), statistics.median(peers) if peers else None)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
