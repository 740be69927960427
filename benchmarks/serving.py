"""Inference servers side by side: requests per second, latency, CPU per request, start and memory.

python benchmarks/serving.py [--environments .bench] [--rounds 5] [--seconds 2] [--models lr,hgb,rf,ada]

All servers of one model run at once and are asked in turn, in random order, by wrk on the same machine; numbers are
medians of the rounds. CPU is that of the server's processes, from the kernel. Peers are installed into
environments of their own the first time. Trust ratios and CPU; latencies carry the noise of the machine.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from serving_peers import FEATURES, Server, make_environments, ours, peers, rows

MODELS = {
    "lr": "linear regression",
    "hgb": "histogram gradient boosting, 100 rounds",
    "rf": "random forest, 100 deep trees",
    "ada": "AdaBoost, 50 trees (not compiled)",
}
BATCH = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path, default=Path(".bench"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--only", default="", help="Part of the names of the servers to run.")
    told = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk")
    make_environments(told.environments)
    work = (told.environments / "work").resolve()
    make_models(work, told.environments)
    tables = []
    for model in told.models.split(","):
        servers = [*ours(model, work), *peers(model, work, told.environments.resolve())]
        chosen = [one for one in servers if told.only in one.name or one.name.startswith("mlflow")]
        found = measure(chosen, told.rounds, told.seconds, (1, 16, 64) if model == "ada" else (1, 16))
        tables.append(table(model, found))
        print(tables[-1], flush=True)
    keep("\n\n".join(tables), told)


def make_models(work: Path, environments: Path) -> None:
    """The models, fitted once and kept in the form of each server."""
    import joblib
    import pandas as pd
    from sklearn.ensemble import AdaBoostRegressor, HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    from mlmon_dagster.adapters.mlflow.model_directory import write_model
    from mlmon_dagster.drift.column import Column
    from mlmon_dagster.drift.profile import Profile

    frame = pd.DataFrame(rows(10_000), columns=FEATURES)
    noise = pd.Series(range(len(frame))).sample(frac=1, random_state=0).to_numpy() % 20_000
    price = frame.sqft * 300 + frame.bedrooms * 1e4 - frame.age * 1000 + noise
    fitted = {
        "lr": LinearRegression(),
        "hgb": HistGradientBoostingRegressor(random_state=0),
        "rf": RandomForestRegressor(100, random_state=0),
        "ada": AdaBoostRegressor(n_estimators=50, random_state=0),
    }
    profile = Profile.of({name: Column.of(name, frame[name].to_numpy()) for name in FEATURES}).to_bytes()
    for name, model in fitted.items():
        if (work / "mlflow" / name / "MLmodel").exists():
            continue
        for folder in ("models", "mlflow", "joblib"):
            (work / folder).mkdir(parents=True, exist_ok=True)
        model.fit(frame, price)
        shutil.rmtree(work / "models" / name, ignore_errors=True)
        write_model(work / "models" / name, model, frame, profile)
        joblib.dump(model, work / "joblib" / f"{name}.joblib")
        save = "import joblib, mlflow.sklearn, pandas as pd, sys; m = joblib.load(sys.argv[1]); " \
            "x = pd.DataFrame([[3.0, 2.0, 2000.0, 25.0, 5.5]], columns=m.feature_names_in_); " \
            "mlflow.sklearn.save_model(m, sys.argv[2], serialization_format='cloudpickle', " \
            "signature=mlflow.models.infer_signature(x, m.predict(x)))"  # fmt: skip
        python = str(environments / "mlflow" / "bin" / "python")
        subprocess.run(
            [python, "-W", "ignore", "-c", save, work / "joblib" / f"{name}.joblib", work / "mlflow" / name], check=True
        )


def measure(servers: list[Server], rounds: int, seconds: int, connections: tuple[int, ...]) -> dict[str, Any]:
    """Server -> what was measured, after each was warmed up; the order of every round is random."""
    running: list[tuple[Server, subprocess.Popen[bytes]]] = []
    found: dict[str, Any] = {}
    try:
        for server in servers:
            process, start = started(server)
            running.append((server, process))
            found[server.name] = {"start": start, "runs": defaultdict(list)}
        for server, _ in running:
            wrk(server, *server.single, "application/json", 4, 1)
        for _ in range(rounds):
            random.shuffle(running)
            for server, process in running:
                runs = found[server.name]["runs"]
                for count in connections:
                    runs[f"c{count}"].append(asked(server, process, *server.single, "application/json", count, seconds))
                if server.batch:
                    runs["batch"].append(asked(server, process, *server.batch, 1, seconds))
                found[server.name]["memory"] = max(found[server.name].get("memory", 0), memory(tree(process.pid)))
    finally:
        for _, process in running:
            stop(process)
    return found


def started(server: Server) -> tuple["subprocess.Popen[bytes]", float]:
    """The process, and the seconds until it answered the first prediction."""
    began = time.perf_counter()
    log = open(f"/tmp/mlmon-bench-{server.port}.log", "wb")  # noqa: S108, SIM115 - closed with the process
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **server.environ}
    process = subprocess.Popen(
        server.command, env=environ, stdout=log, stderr=log, cwd=server.cwd, start_new_session=True
    )
    while time.perf_counter() - began < 180:
        try:
            path, body = server.single
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body, headers)
            urllib.request.urlopen(request, timeout=10).read()  # noqa: S310 - our own address
            return process, time.perf_counter() - began
        except urllib.error.HTTPError as error:
            if error.code not in (404, 503):
                sys.exit(f"{server.name}: {error.read()[:500]!r}")
        except OSError:
            if process.poll() is not None:
                sys.exit(f"{server.name} ended: {Path(log.name).read_text()[-2000:]}")
        time.sleep(0.02)
    stop(process)
    sys.exit(f"{server.name} does not answer: {Path(log.name).read_text()[-2000:]}")


def asked(
    server: Server,
    process: "subprocess.Popen[bytes]",
    path: str,
    body: bytes,
    kind: str,
    connections: int,
    seconds: int,
) -> dict[str, float]:
    """One run of wrk, and what the server's processes spent on it."""
    processes = tree(process.pid)
    before = cpu(processes)
    run = wrk(server, path, body, kind, connections, seconds)
    run["cpu_us"] = (cpu(processes) - before) / max(run["requests"], 1) * 1e6
    return run


def wrk(server: Server, path: str, body: bytes, kind: str, connections: int, seconds: int) -> dict[str, float]:
    """Requests as quick as they are answered; a refused one ends the benchmark."""
    place = f"/tmp/mlmon-bench-{os.getpid()}"  # noqa: S108
    Path(f"{place}.body").write_bytes(body)
    Path(f"{place}.lua").write_text(
        f'local f = io.open("{place}.body", "rb"); wrk.body = f:read("*a"); f:close(); wrk.method = "POST"\n'
        f'wrk.headers["Content-Type"] = "{kind}"\n'
        "done = function(s, l, r) local e = s.errors; io.write(string.format('RESULT %d %d %.1f %.1f %d\\n', "
        "s.requests, s.duration, l:percentile(50), l:percentile(99), e.status + e.connect + e.read + e.timeout)) end\n"
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", f"{place}.lua"]
    said = subprocess.run([*command, f"http://127.0.0.1:{server.port}{path}"], capture_output=True, text=True).stdout
    numbers = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+) (\S+)", said)
    if numbers is None or int(numbers[5]):
        sys.exit(f"{server.name} refused requests:\n{said}")
    requests, duration, median, late = (float(numbers[place]) for place in range(1, 5))
    return {"requests": requests, "rps": requests / duration * 1e6, "p50_ms": median / 1000, "p99_ms": late / 1000}


def tree(process: int) -> list[int]:
    """The process and those it started."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        found += [one for child in task.read_text().split() for one in tree(int(child))]
    return found


def cpu(processes: list[int]) -> float:
    """Seconds that the processes, and those of theirs that have ended, have run."""
    ticks = 0
    for process in processes:
        try:
            told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # it has ended: whoever waited for it has its time among their children's
            continue
        ticks += sum(map(int, told[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(processes: list[int]) -> float:
    """MiB in proportion to those who share them."""
    total = 0
    for process in processes:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
        total += int(re.search(r"Pss:\s+(\d+)", text)[1])  # type: ignore[index]
    return total / 1024


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ends the process and those it started."""
    started_by_it = tree(process.pid) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in started_by_it[1:]:
        try:
            os.kill(one, 9)
        except ProcessLookupError:
            continue


def table(model: str, found: dict[str, Any]) -> str:
    """One model's servers, each as a ratio to MLflow's."""
    counts = [name for name in next(iter(found.values()))["runs"] if name.startswith("c")]
    header = [
        "server",
        "start",
        "memory",
        *(f"{name[1:]} conn: rps, p50 / p99 ms, CPU µs" for name in counts),
        f"x mlflow @{counts[1][1:]}",
        "10k rows: rows per CPU s, x mlflow",
    ]
    lines = [f"### {MODELS[model]}", "", "| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    base = found["mlflow models serve"]["runs"]
    for name, one in found.items():
        cells = [name, f"{one['start']:.1f} s", f"{one['memory']:.0f} MiB"]
        for count in counts:
            rate, median, late, spent = (mid(one, count, key) for key in ("rps", "p50_ms", "p99_ms", "cpu_us"))
            cells.append(f"{rate:,.0f}, {median:.2f} / {late:.1f}, {spent:,.0f}")
        ratios = [mid(one, count, "rps") / statistics.median(run["rps"] for run in base[count]) for count in counts]
        cells.append(" / ".join(f"{ratio:.1f}x" for ratio in ratios))
        if "batch" in one["runs"]:
            speed = BATCH * 1e6 / mid(one, "batch", "cpu_us")
            peer = BATCH * 1e6 / statistics.median(run["cpu_us"] for run in base["batch"])
            cells.append(f"{speed / 1000:,.0f}k, {speed / peer:.1f}x")
        else:
            cells.append("")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mid(one: dict[str, Any], count: str, key: str) -> float:
    """The median of the rounds."""
    return statistics.median(run[key] for run in one["runs"][count])


def keep(text: str, told: argparse.Namespace) -> None:
    """Into RESULTS.md, by the command that made it."""
    from run import keep as keep_section

    about = f"`make bench-serving`, {told.rounds} rounds of {told.seconds} s, interleaved; one worker each."
    keep_section("serving", f"## Inference servers\n\n{about}\n\n{text}")


if __name__ == "__main__":
    main()
