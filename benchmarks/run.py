"""Measures loading, start-up and sensor ticks beside a bare peer in one run; writes the table to RESULTS.md.

python benchmarks/run.py [--pipelines 1,100,1000] [--runs 3]
"""

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from fleet import write_fleet
from measure import HEADER, Row, compare

TICK = Path(__file__).parent / "tick.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipelines", default="1,100,1000")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    rows: list[Row] = start_up(arguments.runs)
    for pipelines in map(int, arguments.pipelines.split(",")):
        rows += loading(pipelines, arguments.runs if pipelines < 1000 else 1)
    text = f"{HEADER}\n" + "\n".join(str(row) for row in rows)
    print(text)
    results = Path(__file__).parent / "RESULTS.md"
    head, _, rest = (
        results.read_text().partition("<!-- start-up and loading -->")
        if results.exists()
        else ("# Results\n\n", "", "")
    )
    tail = rest.partition("<!-- end -->")[2]
    where = f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}; `make bench`"
    results.write_text(
        f"{head}<!-- start-up and loading -->\n\n## Start-up and loading\n\n{where}\n\n{text}\n\n<!-- end -->{tail}"
    )


def start_up(runs: int) -> list[Row]:
    """The command line against an interpreter that does nothing."""
    nothing = [sys.executable, "-c", "pass"]
    mlmon = str(Path(sys.executable).parent / "mlmon")
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder), 1)
        return [
            compare("`mlmon --help`", [mlmon, "--help"], "`python -c pass`", nothing, runs=runs),
            compare(
                "`mlmon validate`, one file",
                [mlmon, "validate", f"{folder}/pipelines"],
                "`python -c pass`",
                nothing,
                runs=runs,
            ),
        ]


def loading(pipelines: int, runs: int) -> list[Row]:
    """Loading the definitions, and one tick of the sensors, against a bare project with as many assets."""
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder), pipelines)
        environ = {
            "MLMON_PIPELINES": f"{folder}/pipelines",
            "MLMON_HOME": f"{folder}/home",
            "PYTHONPATH": folder,
            "PYTHONWARNINGS": "ignore",
        }
        ours = [sys.executable, str(TICK), "mlmon_dagster.definitions"]
        bare = [sys.executable, str(TICK), "bare"]
        return [
            compare(
                f"load {pipelines} pipelines (x 19 assets)",
                ours,
                "bare Dagster project",
                bare,
                runs=runs,
                environ=environ,
            )
        ]


if __name__ == "__main__":
    main()
