"""Measures drift beside the peers, in turn on the same data, and writes the section `drift` of RESULTS.md.

python benchmarks/drift.py [--stream-rows 10000000] [--only L,ks,S,windows,sort,stream,auc] [--cache DIR]

Peers that do not fit our environment get one of their own, which is built once in the cache folder. Work of minutes is
measured once; windows are measured on two for the slow peers and counted 25 times. `--only` measures some of the rows
anew and keeps the others.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from drift_data import make
from run import keep

HERE = Path(__file__).parent
PEERS = {
    "nannyml": ("nannyml==0.13.1", "pyarrow", "statsmodels"),
    "alibi": ("alibi-detect==0.13.0", "pyarrow<22"),
}
"""What is installed in the environments of peers that need one of their own."""

SLOW = ("evidently_L", "evidently_windows", "scipy_windows")


@dataclass(frozen=True)
class Row:
    """One line: work of ours, a peer's, how often the peer's counts, and what was promised."""

    group: str
    work: str
    ours: str
    peer: str
    name: str
    times: int
    goal: str


ROWS = (
    Row("L", "1M x 1M x 25, all statistics, exact", "ours_L", "evidently_L", "Evidently, default preset", 1, "300x"),
    Row("L", "the same from a profile in bins", "ours_L_bins", "evidently_L", "Evidently, default preset", 1, ""),
    Row("ks", "KS and chi-square, exact", "ours_L_ks", "alibi_L", "alibi-detect TabularDrift", 1, "15x"),
    Row("ks", "KS and chi-square, exact", "ours_L_ks", "scipy_L", "scipy ks_2samp, chi2_contingency", 1, "30x"),
    Row("ks", "KS and chi-square, exact", "ours_L_ks", "nannyml_L", "NannyML, approximate KS, chi2", 1, "3x"),
    Row("S", "10k x 10k x 25, all statistics", "ours_S", "evidently_S", "Evidently, default preset", 1, "350x"),
    Row("windows", "50 windows of 100k on one 1M reference, from Parquet", "ours_windows", "evidently_windows",
        "Evidently, default preset", 25, "400x"),
    Row("windows", "50 windows of 100k on one 1M reference, from Parquet", "ours_windows", "scipy_windows",
        "scipy KS, W1, chi2", 25, "60x"),
    Row("auc", "AUC and KS of 1M scores, exact", "ours_auc", "sklearn_auc", "scikit-learn roc_auc_score", 1, "8x"),
)  # fmt: skip

BASES = {"sort": ("ours_L_numeric", "sort_L"), "stream": ("ours_stream", "decode")}
"""Work that is measured against the least it could cost."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream-rows", type=int, default=10_000_000)
    parser.add_argument("--only", default="L,ks,S,windows,sort,stream,auc", help="or `none`: only write the table")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    groups = arguments.only.split(",")
    data = arguments.cache / "data"
    make(data, arguments.stream_rows)
    pythons = {name: environment(arguments.cache, name) for name in PEERS if "ks" in groups}
    jobs = list(dict.fromkeys(job for row in ROWS if row.group in groups for job in (row.ours, row.peer)))
    jobs += [job for group, pair in BASES.items() if group in groups for job in pair]
    kept = arguments.cache / "measured"
    kept.mkdir(exist_ok=True)
    for job in jobs:
        found = measured(job, pythons.get(job.split("_")[0], sys.executable), data, arguments.runs)
        (kept / f"{job}.json").write_text(json.dumps(found))
    known = {file.stem: json.loads(file.read_text()) for file in kept.glob("*.json")}
    text = report(known, arguments.stream_rows)
    print(text)
    keep("drift", text, "make bench-drift")


def environment(cache: Path, name: str) -> str:
    """The Python of a peer's own environment."""
    folder = cache / name
    if not (folder / ".installed").exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(folder / "bin/python"), *PEERS[name]], check=True)
        (folder / ".installed").touch()
    return str(folder / "bin/python")


def measured(job: str, python: str, data: Path, runs: int) -> dict[str, float]:
    """The job in a process of its own."""
    how = ["--runs", "1", "--cold"] if job in SLOW else ["--runs", str(runs)]
    done = subprocess.run([python, str(HERE / "drift_jobs.py"), job, str(data), *how], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{job} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(job, answer, file=sys.stderr, flush=True)
    return answer


def report(found: dict[str, dict[str, float]], stream_rows: int) -> str:
    """The table of all that was measured on this machine, now or before."""
    lines = [
        "## Drift",
        "",
        "| work | ours (CPU, extra memory) | peer | peer (CPU, extra memory) | CPU ratio | goal |",
        "|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        if row.ours not in found or row.peer not in found:
            continue
        mine, its = found[row.ours], found[row.peer]
        ratio = its["cpu"] * row.times / mine["cpu"]
        lines.append(
            f"| {row.work} | {mine['cpu']:.4g} s, {mine['extra_mib']:.0f} MiB | {row.name} | "
            f"{its['cpu'] * row.times:.4g} s, {its['extra_mib']:.0f} MiB | {ratio:.3g}x | {row.goal} |"
        )
    streamed = f"{stream_rows:,} x 10 Parquet, streamed, everything"
    for group, work, name, goal in (
        ("sort", "all numeric statistics", "one bare np.sort of the same 20 columns", "at most 1.3"),
        ("stream", streamed, "decoding the Parquet alone", "at most 2.2"),
    ):
        ours, base = BASES[group]
        if ours in found:
            mine, its = found[ours], found[base]
            lines.append(
                f"| {work} | {mine['cpu']:.4g} s, peak {mine['peak_mib']:.0f} MiB | {name} | {its['cpu']:.4g} s, "
                f"peak {its['peak_mib']:.0f} MiB | {mine['cpu'] / its['cpu']:.2f} times the peer | {goal} |"
            )
    if "ours_auc" in found:
        lines.append(f"\nThe two AUCs differ by {abs(found['ours_auc']['answer'] - found['sklearn_auc']['answer'])}.")
    lines.append(
        "\nRows may come from several runs on this machine (`--only`). Peers on numpy 2 are told to sort with AVX2 on"
        " Zen 4 as ours is. The windows of Evidently and of scipy are two, counted 25 times. A row that is not here was"
        " not measured. Both sides of the stream read it from the page cache."
        f" Load average when this was written: {os.getloadavg()[2]:.0f}."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
