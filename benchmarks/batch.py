"""Parquet to Parquet: `mlmon batch-predict` on one core beside MLflow's `spark_udf` on two.

python benchmarks/batch.py [--peer /path/to/venv/bin/python] [--rows 10000000] [--models linear,boosting]

The peer's environment holds mlflow, pyspark, scikit-learn and skops, and is made the first time; Java must be there. A
peer that cannot be had is named, and ours is measured alone. Each side is a whole process: imports, loading, scoring
and writing; Spark's session start is told apart.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import keep

PACKAGES = ("mlflow==3.17.2", "pyspark>=4", "scikit-learn==1.9.1", "skops", "numpy<2.5", "pandas<3", "pyarrow")
FEATURES = 5
TRAINED_ON = 10_000

PEER = """
import json, os, resource, sys, time
source, model, target = sys.argv[1:]
os.environ["PYSPARK_PYTHON"] = sys.executable
began = time.perf_counter()
import mlflow
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct
spark = (SparkSession.builder.master("local[2]").config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", "20000").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
session = time.perf_counter() - began
frame = spark.read.parquet(source)
score = mlflow.pyfunc.spark_udf(spark, model, result_type="double", env_manager="local")
frame.withColumn("prediction", score(struct(*frame.columns))).write.mode("overwrite").parquet(target)
print(json.dumps({"session": session, "wall": time.perf_counter() - began - session}))
"""

OURS = """
import json, resource, sys, time
began = time.perf_counter()
from pathlib import Path
from mlmon_dagster.adapters.batch.folder import BatchFolder
from mlmon_dagster.adapters.batch.scorer import BatchScorer
import pyarrow
pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)
source, model, target = map(Path, sys.argv[1:])
folder = BatchFolder(source, target, BatchScorer.open(model, 1))
for file in folder.files():
    folder.score(file)
print(json.dumps({"session": 0.0, "wall": time.perf_counter() - began}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peer",
        type=Path,
        default=Path(tempfile.gettempdir()) / "peer-spark" / "bin" / "python",
        help="Python of the environment with mlflow and pyspark; made where it is missing.",
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--models", default="linear,boosting")
    told = parser.parse_args()
    missing = make_peer(told.peer)
    lines = [
        "| model | ours, 1 core (wall, CPU, peak) | `spark_udf`, local[2] without session start | wall | CPU |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_rows(home / "in", told.rows)
        for name in told.models.split(","):
            write(home / name, name)
            ours = run([sys.executable, "-c", OURS], home / "in", home / name, home / f"ours_{name}", one_core=True)
            peer = None
            if not missing:
                try:
                    peer = run(
                        [str(told.peer), "-c", PEER], home / "in", home / name, home / f"peer_{name}", one_core=False
                    )
                except RuntimeError as error:
                    missing = f"Left out: `spark_udf`, {error}."
            lines.append(line(f"{name}, {told.rows / 1e6:g}M rows", ours, peer))
            print(lines[-1], flush=True)
    if missing:
        print(missing)
    text = "\n".join(lines) + (f"\n\n{missing}" if missing else "")
    chosen = f" ARGS='--rows {told.rows}'" if told.rows != 10_000_000 else ""
    keep("batch", f"## Batches, Parquet to Parquet\n\n{text}", f"make bench-batch{chosen}")


def make_peer(python: Path) -> str:
    """Makes the peer's environment where it is missing; why it cannot be had, or nothing."""
    if not shutil.which("java"):
        return "Left out: `spark_udf`, there is no Java."
    if python.exists():
        return ""
    print("installing Spark ...", flush=True)
    uv = str(Path(sys.executable).parent / "uv")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(python.parents[1])], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *PACKAGES], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        shutil.rmtree(python.parents[1], ignore_errors=True)
        return f"Left out: `spark_udf`, its environment cannot be made: {error}."
    return ""


def line(name: str, ours: dict[str, float], peer: dict[str, float] | None) -> str:
    """A row of the table."""
    costs = [cost(ours), "" if peer is None else cost(peer)]
    ratios = ["" if peer is None else f"{peer[what] / ours[what]:.1f}x" for what in ("wall", "cpu")]
    return "| " + " | ".join([name, *costs, *ratios]) + " |"


def cost(one: dict[str, float]) -> str:
    """Wall, CPU, peak."""
    return f"{one['wall']:.1f} s, {one['cpu']:.1f} s, {one['peak']:.0f} MiB"


def write_rows(folder: Path, rows: int) -> None:
    """Files of a million rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    random = np.random.default_rng(0)
    for number, start in enumerate(range(0, rows, 1_000_000)):
        count = min(1_000_000, rows - start)
        table = pa.table({f"x{place}": random.normal(size=count) for place in range(FEATURES)})
        pq.write_table(table, folder / f"{number:04}.parquet")


def write(directory: Path, name: str) -> None:
    """A model directory; MLflow reads it as it is."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    from mlmon_dagster.adapters.mlflow.model_directory import write_model
    from mlmon_dagster.drift.column import Column
    from mlmon_dagster.drift.profile import Profile

    random = np.random.default_rng(1)
    rows = pd.DataFrame(random.normal(size=(TRAINED_ON, FEATURES)), columns=[f"x{n}" for n in range(FEATURES)])
    target = rows.x0 * 3 + rows.x1 * rows.x2 + random.normal(size=TRAINED_ON)
    models = {"linear": LinearRegression(), "boosting": HistGradientBoostingRegressor(random_state=0)}
    profile = Profile.of({column: Column.of(column, rows[column].to_numpy()) for column in rows}).to_bytes()
    write_model(directory, models[name].fit(rows, target), rows, profile)


def run(command: list[str], source: Path, model: Path, target: Path, *, one_core: bool) -> dict[str, float]:
    """Wall seconds as told, CPU seconds and peak MiB of the whole process tree as it ended."""
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYARROW_IGNORE_TIMEZONE": "1"}
    pinned = ["taskset", "-c", "0"] if one_core else []
    told = subprocess.Popen(
        [*pinned, sys.executable, "-c", CHILD, *command, str(source), str(model), str(target)],
        stdout=subprocess.PIPE,
        env=environ,
    )
    output, _ = told.communicate()
    if told.returncode:
        raise RuntimeError(f"it ended with {told.returncode}")
    lines = [json.loads(line) for line in output.decode().splitlines() if line.startswith("{")]
    return {key: value for line in lines for key, value in line.items()}


CHILD = """
import json, os, resource, subprocess, sys, threading, time
process = subprocess.Popen(sys.argv[1:])
peak, done, seconds = 0, threading.Event(), {}

def tree(pid):
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                found += tree(int(child))
    except OSError:
        pass
    return found

def pss(pid):
    try:
        text = open(f"/proc/{pid}/smaps_rollup").read()
    except OSError:
        return 0
    return int(text.partition("Pss:")[2].split()[0])

def spent(pid):
    try:
        told = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    except OSError:
        return
    seconds[pid] = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

def watch():
    global peak
    while not done.wait(0.2):
        alive = tree(process.pid)
        peak = max(peak, sum(map(pss, alive)))
        for pid in alive:
            spent(pid)

thread = threading.Thread(target=watch)
thread.start()
code = process.wait()
done.set()
thread.join()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
waited = used.ru_utime + used.ru_stime  # without processes that nobody waited for, such as Spark's JVM
print(json.dumps({"cpu": max(waited, sum(seconds.values())), "peak": peak / 1024}))
sys.exit(code)
"""


if __name__ == "__main__":
    main()
