"""Measures start-up, loading, sensor ticks, stages and the demo, and writes RESULTS.md.

python benchmarks/run.py [--pipelines 1,100,1000] [--runs 3] [--only start_up,loading,stages,demo]

Every section of RESULTS.md has a marker, and only the sections that were measured are replaced.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fleet import ASSETS_PER_PIPELINE, write_fleet
from measure import HEADER, Row, compare

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
MLMON = str(Path(sys.executable).parent / "mlmon")
SENSORS = ("drift_alerts", "promotion_gate", "heartbeat")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipelines", default="1,100,1000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(SECTIONS))
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.pipelines.split(",")]
    for name in arguments.only.split(","):
        text = SECTIONS[name](sizes, arguments.runs)
        print(f"{text}\n", flush=True)
        keep(name, text)


def start_up(sizes: list[int], runs: int) -> str:
    """The command line against an interpreter that does nothing."""
    nothing = [sys.executable, "-c", "pass"]
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder), 1)
        commands = {
            "`mlmon --help`": [MLMON, "--help"],
            "`mlmon validate`, one file": [MLMON, "validate", f"{folder}/pipelines"],
        }
        rows = [compare(name, command, "`python -c pass`", nothing, runs=runs) for name, command in commands.items()]
    return section("Start-up", HEADER, rows)


def loading(sizes: list[int], runs: int) -> str:
    """Loading the definitions against a bare project with as many assets, and a tick of every sensor."""
    rows: list[Row] = []
    ticks = ["| pipelines | " + " | ".join(SENSORS) + " |", "|---" * (1 + len(SENSORS)) + "|"]
    for pipelines in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_fleet(Path(folder), pipelines)
            environ = {
                "MLMON_PIPELINES": f"{folder}/pipelines",
                "MLMON_HOME": f"{folder}/home",
                "PYTHONPATH": folder,
                "PYTHONWARNINGS": "ignore",
            }
            ours = [sys.executable, str(HERE / "tick.py"), "mlmon_dagster.definitions"]
            bare = [sys.executable, str(HERE / "tick.py"), "bare"]
            work = f"load {pipelines} pipelines, {pipelines * ASSETS_PER_PIPELINE} assets"
            times = runs if pipelines < 1000 else 1
            rows.append(compare(work, ours, "bare Dagster project", bare, runs=times, environ=environ))
            asked = [part for sensor in SENSORS for part in ("--tick", sensor)]
            answer = subprocess.run(
                [*ours, *asked], env={**os.environ, **environ}, capture_output=True, text=True, check=True
            )
            found = json.loads(answer.stdout.splitlines()[-1])
            ticks.append(f"| {pipelines} | " + " | ".join(f"{found[name] * 1000:.1f} ms" for name in SENSORS) + " |")
    return section("Loading", HEADER, rows) + "\n\nCPU time of a sensor's tick with nothing new:\n\n" + "\n".join(ticks)


def stages(sizes: list[int], runs: int) -> str:
    """What a Dagster run adds to the pure work of a stage."""
    answer = subprocess.run([sys.executable, str(HERE / "stages.py")], capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    rows = [
        f"| {name} | {alone:.0f} ms | {each:.0f} ms | {whole:.0f} ms | {whole / alone:.1f}x |"
        for name, (alone, each, whole) in found.items()
    ]
    header = "| stage | pure work | a run for each window | one run for all | ratio |\n|---|---|---|---|---|"
    return section("A window of a stage", header, rows)


def detectors(sizes: list[int], runs: int) -> str:
    """What a detector costs a value, beside river's."""
    answer = subprocess.run([sys.executable, str(HERE / "detectors.py")], capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    rows = [
        f"| {name} | {ours:.2f} µs | " + (f"{peer:.2f} µs | {ours / peer:.2f}x |" if peer else "none | |")
        for name, (ours, peer) in found.items()
    ]
    return section("A value of a detector", "| detector | ours | river | CPU ratio |\n|---|---|---|---|", rows)


def audit(sizes: list[int], runs: int) -> str:
    """The audit log: appends beside a table without chain, and verifying a million entries."""
    answer = subprocess.run([sys.executable, str(HERE / "audit.py")], capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    header = (
        "| appends, durable, by processes x threads | ours | p99 | longest | CPU | one plain table | p99 | CPU |"
        " ours to it |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    rows = []
    for one in found["appends"]:
        ours, naive = one["ours"], one["naive"]
        rows.append(
            f"| {one['kind']}, {one['processes']} x {one['threads']} | {ours['rate']:.0f}/s"
            f" | {ours['p99_ms']:.0f} ms | {ours['longest_ms']:.0f} ms | {ours['cpu_ms']:.2f} ms"
            f" | {naive['rate']:.0f}/s | {naive['p99_ms']:.0f} ms | {naive['cpu_ms']:.2f} ms"
            f" | {ours['rate'] / naive['rate']:.2f}x |"
        )
    told = found["verify"]
    walks = (
        f"A log of {told['entries']:,} entries in SQLite (CPU): chain {told['chain']} s, tree {told['tree']} s,"
        f" everything (chain, columns, every table) {told['everything']} s, `as_of` {told['as_of']} s;"
        f" peak {told['peak_mib']} MiB."
    )
    load = f"Load average of the 2 CPUs before and after the appends: {found['load'][0]} and {found['load'][1]}."
    return section("The audit log", header, rows) + f"\n\n{load}\n\n{walks}"


def demo(sizes: list[int], runs: int) -> str:
    """The demo's wall time by chapter, warm: the second of two runs."""
    for _ in range(2):
        answer = subprocess.run([MLMON, "demo", "--exit"], cwd=HERE.parent, capture_output=True, text=True, check=True)
    said = re.search(r"(\d+) s in all: (.+)", " ".join(answer.stdout.split()))
    assert said is not None
    rows = [f"| {part.rpartition(' ')[0]} | {part.rpartition(' ')[2]} s |" for part in said[2].split(", ")]
    return section("The demo", "| chapter | wall time |\n|---|---|", [*rows, f"| **in all** | {said[1]} s |"])


def section(title: str, header: str, rows: "list[Row] | list[str]") -> str:
    """A titled table."""
    return f"## {title}\n\n{header}\n" + "\n".join(map(str, rows))


def keep(name: str, text: str, command: str = "") -> None:
    """Replaces one section of RESULTS.md, made by that command, or adds it."""
    made_by = command or f"python benchmarks/run.py --only {name}"
    where = (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}"
    )
    body = f"<!-- {name} -->\n{text}\n\n`{made_by}` on {where}; medians.\n<!-- end {name} -->"
    before = (
        RESULTS.read_text() if RESULTS.exists() else "# Results\n\nCPU seconds and peak memory of whole processes.\n"
    )
    pattern = re.compile(f"<!-- {name} -->.*?<!-- end {name} -->", re.DOTALL)
    RESULTS.write_text(
        pattern.sub(lambda _: body, before) if pattern.search(before) else f"{before.rstrip()}\n\n{body}\n"
    )


SECTIONS: dict[str, Callable[[list[int], int], str]] = {
    "start_up": start_up,
    "loading": loading,
    "stages": stages,
    "audit": audit,
    "demo": demo,
    "detectors": detectors,
}


if __name__ == "__main__":
    main()
