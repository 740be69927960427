"""Runs a command as a whole process, several times, in turn with a peer, and prints medians as ratios."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one process cost: CPU seconds (user and system), wall seconds, peak resident MiB."""

    cpu: float
    wall: float
    peak_mib: float


@dataclass(frozen=True)
class Row:
    """One line of the results: ours against a peer."""

    work: str
    ours: Cost
    peer: Cost
    peer_name: str

    def __str__(self) -> str:
        ratio = self.ours.cpu / max(self.peer.cpu, 1e-9)
        return (
            f"| {self.work} | {self.ours.cpu:.2f} s, {self.ours.peak_mib:.0f} MiB | {self.peer_name} |"
            f" {self.peer.cpu:.2f} s, {self.peer.peak_mib:.0f} MiB | {ratio:.2f}x |"
        )


HEADER = "| work | ours (CPU, peak) | peer | peer (CPU, peak) | CPU ratio |\n|---|---|---|---|---|"


def cost(command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: str | None = None) -> Cost:
    """One run of the command; its output is thrown away, a failure ends the benchmark."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environ or {})},
        cwd=cwd,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{said.decode()[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024)


def compare(
    work: str, ours: Sequence[str], peer_name: str, peer: Sequence[str], *, runs: int = 3, **where: object
) -> Row:
    """Medians of `runs` runs of both, in turn, after one warm-up of each."""
    pairs = [(cost(ours, **where), cost(peer, **where)) for _ in range(runs + 1)][1:]  # type: ignore[arg-type]
    return Row(work, _median([one for one, _ in pairs]), _median([two for _, two in pairs]), peer_name)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(one.cpu for one in costs),
        statistics.median(one.wall for one in costs),
        statistics.median(one.peak_mib for one in costs),
    )
