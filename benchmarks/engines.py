"""Counts one Parquet file by every engine, beside decoding it alone, and writes the section `engines` of RESULTS.md.

python benchmarks/engines.py [--rows 5000000] [--runs 3] [--only memory,streaming,...] [--cache DIR]

Each run is a process of its own: CPU of all its threads and children while it counts (of Spark also the Java side), and
how far its memory rose meanwhile. It fails if two engines do not give the same bytes.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from run import keep

import mlmon_dagster  # noqa: F401 - before numpy, which it tells how to sort on this processor

HERE = Path(__file__).parent
ENGINES = {
    "memory": {"use": "memory"},
    "streaming": {"use": "streaming"},
    "duckdb": {"use": "duckdb", "threads": 2},
    "polars": {"use": "polars"},
    "ibis": {"use": "ibis"},
    "spark": {"use": "spark", "master": "local[2]"},
}
NEEDS = {"polars": "polars", "ibis": "ibis", "spark": "pyspark"}
TOLD = {"ibis": "ibis, on DuckDB in SQL", "spark": "spark, local[2], started", "decode": "decoding the Parquet alone"}
COLUMNS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(ENGINES))
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--one", help="count by this engine in this process and print what it cost")
    arguments = parser.parse_args()
    file = made(arguments.cache / "data", arguments.rows)
    profile(file)
    if arguments.one:
        print(json.dumps(one(arguments.one, file)))
        return
    names = [name for name in arguments.only.split(",") if name not in NEEDS or find_spec(NEEDS[name])]
    costs = {name: measured(name, arguments) for name in ("decode", *names)}
    digests = {cost["digest"] for name, cost in costs.items() if name != "decode"}
    text = report(costs, arguments.rows)
    print(text)
    if len(digests) != 1:
        sys.exit(f"engines gave {len(digests)} different digests")
    keep("engines", text, "make bench-engines")


def made(folder: Path, rows: int) -> Path:
    """Eight columns of float64, one of int64, one of text; the same rows for the same number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / f"engines_{rows}.parquet"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    fields = [pa.field(f"n{place}", pa.float64()) for place in range(8)]
    schema = pa.schema([*fields, pa.field("id", pa.int64()), pa.field("city", pa.string())])
    hidden = file.with_suffix(".part")
    with pq.ParquetWriter(hidden, schema, compression="zstd", compression_level=1) as writer:
        for start in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - start)
            draws = [random.normal(size=n) if place % 2 else random.lognormal(size=n) for place in range(8)]
            draws[6] = np.round(draws[6], 2)
            cities = pa.array([f"city {place}" for place in range(50)]).take(pa.array(random.integers(0, 50, n)))
            writer.write_table(pa.table([*draws, random.integers(0, 10**9, n), cities], schema), row_group_size=131_072)
    hidden.rename(file)
    return file


def profile(file: Path) -> None:
    """The grids, of the first 131,072 rows, and a few rows, in files beside; not made where it is measured."""
    import pyarrow.parquet as pq

    from mlmon_dagster.drift.profile import Profile

    kept = file.with_suffix(".profile")
    if not kept.exists():
        first = pq.ParquetFile(file).read_row_group(0)
        pq.write_table(first.slice(0, 1_000), file.with_suffix(".few.parquet"))
        kept.write_bytes(Profile.of(first).to_bytes())


def measured(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Medians of some runs, each in a process of its own."""
    command = [sys.executable, __file__, "--one", name, "--rows", str(arguments.rows), "--cache", str(arguments.cache)]
    runs = []
    for _ in range(arguments.runs):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
        runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    medians = {key: statistics.median(one[key] for one in runs) for key in ("cpu", "wall", "mib")}
    return medians | {"digest": runs[0]["digest"]}


def one(name: str, file: Path) -> dict[str, Any]:
    """What it costs to count here."""
    work = decoding(file) if name == "decode" else counting(name, file)
    before, peak, start = cpu(), memory(), time.perf_counter()
    digest = work()
    return {
        "digest": digest,
        "cpu": cpu() - before,
        "wall": time.perf_counter() - start,
        "mib": memory() - peak,
    }


def decoding(file: Path) -> Any:
    import pyarrow.parquet as pq

    def decode() -> str:
        opened = pq.ParquetFile(file, read_dictionary=["city"])
        for name in opened.schema_arrow.names:
            for _ in opened.iter_batches(500_000, columns=[name], use_threads=False):
                pass
        return ""

    return decode


def counting(name: str, file: Path) -> Any:
    """The work; the engine has counted a few rows before, as where many windows are counted."""
    from mlmon_dagster import plugins
    from mlmon_dagster.drift.profile import Profile

    grids = Profile.from_bytes(file.with_suffix(".profile").read_bytes())
    engine = plugins.parse("engine", ENGINES[name])
    engine.count(place(name, file.with_suffix(".few.parquet")), grids)
    rows = place(name, file)
    return lambda: engine.count(rows, grids).digest


def place(name: str, file: Path) -> Any:
    from mlmon_dagster.ports import Rows

    if name != "ibis":
        return Rows(place=str(file))
    import ibis

    return Rows(table=ibis.duckdb.connect(threads=2).read_parquet(file))


def cpu() -> float:
    """Seconds of this process and its children, and of Spark's Java side with the workers it has ended."""
    found = sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    for process in descendants():
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        found += sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return found


def memory() -> float:
    """The highest MiB of this process and of those it started that still run."""
    found = 0.0
    for process in (os.getpid(), *descendants()):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            found += int(line.split()[1]) / 1024 if line.startswith("VmHWM") else 0
    return found


def descendants() -> list[int]:
    """Processes that this one started, and those that they started."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found, wanted = [], [os.getpid()]
    while wanted:
        wanted = [process for process, parent in parents.items() if parent in wanted]
        found += wanted
    return found


def report(costs: dict[str, dict[str, Any]], rows: int) -> str:
    decode, base = costs["decode"], costs.get("memory", next(iter(costs.values())))
    lines = [
        "## Engines\n",
        f"{rows:,} rows x {COLUMNS} columns of one Parquet file, counted on a profile's grids.\n",
        "| engine | CPU | of memory's | ns a value | wall | extra memory | digest of the counts |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in costs.items():
        each = found["cpu"] * 1e9 / rows / COLUMNS
        digest = f"`{found['digest'][:16]}`" if found["digest"] else ""
        lines.append(
            f"| {TOLD.get(name, name)} | {found['cpu']:.2f} s | {found['cpu'] / base['cpu']:.2f}x | {each:.1f} |"
            f" {found['wall']:.1f} s | {found['mib']:.0f} MiB | {digest} |"
        )
    more = costs["streaming"]["cpu"] / decode["cpu"] if "streaming" in costs else 0
    return "\n".join(lines) + (f"\n\nStreaming costs {more:.2f} times what decoding alone does." if more else "")


if __name__ == "__main__":
    main()
