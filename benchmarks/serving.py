"""Inference servers side by side: requests per second, latency, CPU per request, start and memory.

python benchmarks/serving.py [--environments /tmp/peers] [--rounds 3] [--seconds 1] [--models lr,hgb,rf,ada]
    [--goals requests,processor,promises,logging,infer,split,start,memory,equal] [--only SERVER]

All servers of one model run at once and are asked in turn, in random order, by wrk on the same machine; numbers are
medians of the rounds. CPU is that of the server's whole process tree, from the kernel. Peers are installed into
environments of their own the first time; one that cannot be had is named, and the others go on. Trust ratios and CPU;
latencies carry the noise of the machine.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from serving_goals import asks_of, goals
from serving_peers import FEATURES, Question, Server, logs_of, make_environments, ours, peers, rows

MODELS = {
    "lr": "Linear regression",
    "hgb": "Histogram gradient boosting, 100 rounds",
    "rf": "Random forest, 100 deep trees",
    "ada": "AdaBoost, 50 trees (not compiled)",
}
BATCH = 10_000
CONNECTIONS = (1, 16)
START_SECONDS = 180


class MissingServerError(Exception):
    """A server that cannot be measured; the message says why."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--only", default="", help="Part of the names of the servers to run, beside MLflow's.")
    parser.add_argument("--goals", default="", help="Names of the goals to measure for; all by default.")
    told = parser.parse_args()
    wanted = [name for name in told.goals.split(",") if name]
    asks = asks_of(wanted)
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk")
    missing = make_environments(told.environments)
    work = (told.environments / "work").resolve()
    make_models(work, told.environments, told.models.split(","))
    tables, measured = [], {}
    for model in told.models.split(","):
        servers = [*ours(model, work), *peers(model, work, told.environments.resolve())]
        chosen = [one for one in servers if told.only in one.name or one.name.startswith("mlflow")]
        connections = (*CONNECTIONS, 64) if model == "ada" else CONNECTIONS
        found, absent = measure(chosen, told.rounds, told.seconds, connections, asks)
        measured[model] = found
        tables.append("\n\n".join([table(model, found), *absent]))
        print(f"{tables[-1]}\n", flush=True)
        shutil.rmtree(logs_of(work), ignore_errors=True)
    summary = goals(measured, work, wanted)
    print(summary)
    if wanted or told.only:
        return  # a part of the section is not the section
    left = [f"Left out: {name}, {reason}" for name, reason in missing.items()]
    keep("\n\n".join([summary, *left, *tables]), told)


def make_models(work: Path, environments: Path, chosen: list[str]) -> None:
    """The models, fitted once and kept in the form of each server; ours is written anew, as this version does it."""
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
    for folder in ("models", "mlflow", "joblib"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    for name in chosen:
        file, saved = work / "joblib" / f"{name}.joblib", work / "mlflow" / name
        kept = (saved / "MLmodel").exists()
        model = joblib.load(file) if kept else fitted[name].fit(frame, price)
        shutil.rmtree(work / "models" / name, ignore_errors=True)
        write_model(work / "models" / name, model, frame, profile)
        if not kept:
            joblib.dump(model, file)
            save_for_mlflow(file, saved, environments)


def save_for_mlflow(file: Path, saved: Path, environments: Path) -> None:
    """The model as MLflow's server takes it, saved by its own environment."""
    save = "import joblib, mlflow.sklearn, pandas as pd, sys; m = joblib.load(sys.argv[1]); " \
        "x = pd.DataFrame([[3.0, 2.0, 2000.0, 25.0, 5.5]], columns=m.feature_names_in_); " \
        "mlflow.sklearn.save_model(m, sys.argv[2], serialization_format='cloudpickle', " \
        "signature=mlflow.models.infer_signature(x, m.predict(x)))"  # fmt: skip
    python = str(environments / "mlflow" / "bin" / "python")
    subprocess.run([python, "-W", "ignore", "-c", save, file, saved], check=True)


def measure(
    servers: list[Server], rounds: int, seconds: int, connections: tuple[int, ...], wanted: set[str] | None
) -> tuple[dict[str, Any], list[str]]:
    """(Server -> what was measured, after each was warmed up, lines for those left out); every round has its order."""
    running: list[tuple[Server, subprocess.Popen[bytes]]] = []
    found: dict[str, Any] = {}
    absent: list[str] = []
    refused: set[tuple[str, str]] = set()
    try:
        for server in servers:
            try:
                process, start = started(server)
            except MissingServerError as error:
                absent.append(f"Left out: {server.name}, {error}")
                print(absent[-1], flush=True)
                continue
            running.append((server, process))
            found[server.name] = {"start": start, "runs": defaultdict(list)}
        for server, process in running:
            with suppress(MissingServerError):  # said when it is measured
                wrk(server, server.single, 4, 1)
            found[server.name]["memory"] = memory(tree(process.pid))
            for question in server.batches.values():
                with suppress(MissingServerError):
                    wrk(server, question, 1, 1)
        for _ in range(rounds):
            random.shuffle(running)
            for server, process in running:
                asks = [(f"c{count}", server.single, count) for count in connections]
                asks += [(form, question, 1) for form, question in server.batches.items()]
                for name, question, count in asks:
                    if (server.name, name) in refused or (wanted is not None and name not in wanted):
                        continue
                    try:
                        found[server.name]["runs"][name].append(asked(server, process, question, count, seconds))
                    except MissingServerError as error:
                        refused.add((server.name, name))
                        found[server.name]["runs"].pop(name, None)
                        absent.append(f"Left out: {server.name} for {name}, {error}")
                        print(absent[-1], flush=True)
    finally:
        for _, process in running:
            stop(process)
    return found, absent


def started(server: Server) -> tuple["subprocess.Popen[bytes]", float]:
    """The process, and the seconds until it answered the first prediction."""
    began = time.perf_counter()
    log = open(f"/tmp/mlmon-bench-{server.port}.log", "wb")  # noqa: S108, SIM115 - closed with the process
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **server.environ}
    try:
        process = subprocess.Popen(
            server.command, env=environ, stdout=log, stderr=log, cwd=server.cwd, start_new_session=True
        )
    except OSError as error:
        raise MissingServerError(f"it cannot be started: {error}") from error
    while time.perf_counter() - began < START_SECONDS:
        try:
            question = server.single
            url = f"http://127.0.0.1:{server.port}{question.path}"
            request = urllib.request.Request(url, question.body, question.headers)
            urllib.request.urlopen(request, timeout=10).read()  # noqa: S310 - our own address
            return process, time.perf_counter() - began
        except urllib.error.HTTPError as error:
            if error.code not in (404, 503):
                stop(process)
                raise MissingServerError(f"it refuses: {error.read()[:300]!r}") from error
        except OSError:
            if process.poll() is not None:
                raise MissingServerError(f"it has ended: {said(log.name)}") from None
        time.sleep(0.02)
    stop(process)
    raise MissingServerError(f"it does not answer: {said(log.name)}")


def said(log: str) -> str:
    """The last lines of a server's output, as one."""
    return " ".join(Path(log).read_text(errors="replace").split())[-300:]


def asked(
    server: Server, process: "subprocess.Popen[bytes]", question: Question, connections: int, seconds: int
) -> dict[str, float]:
    """One run of wrk, and what the server's processes spent on it."""
    before = cpu(tree(process.pid))
    run = wrk(server, question, connections, seconds)
    run["cpu_us"] = (cpu(tree(process.pid)) - before) / max(run["requests"], 1) * 1e6
    return run


def wrk(server: Server, question: Question, connections: int, seconds: int) -> dict[str, float]:
    """Requests as quick as they are answered; `MissingServerError` when one was refused."""
    place = f"/tmp/mlmon-bench-{os.getpid()}"  # noqa: S108
    Path(f"{place}.body").write_bytes(question.body)
    Path(f"{place}.lua").write_text(
        f'local f = io.open("{place}.body", "rb"); wrk.body = f:read("*a"); f:close(); wrk.method = "POST"\n'
        + "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in question.headers.items())
        + "done = function(s, l, r) local e = s.errors; io.write(string.format('RESULT %d %d %.1f %.1f %d\\n', "
        "s.requests, s.duration, l:percentile(50), l:percentile(99), e.status + e.connect + e.read + e.timeout)) end\n"
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", f"{place}.lua"]
    url = f"http://127.0.0.1:{server.port}{question.path}"
    answer = subprocess.run([*command, url], capture_output=True, text=True).stdout
    numbers = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+) (\S+)", answer)
    if numbers is None or int(numbers[5]):
        raise MissingServerError(f"it refused requests: {' '.join(answer.split())[-200:]}")
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
    counts = sorted({name for one in found.values() for name in one["runs"] if re.fullmatch(r"c\d+", name)})
    counts.sort(key=lambda name: int(name[1:]))
    header = ["server", "start", "memory", *(f"{name[1:]} conn: rps, p50 / p99 ms, CPU µs" for name in counts)]
    header += ["rps x mlflow @" + " / ".join(name[1:] for name in counts), "10,000 rows: rows per CPU second, x mlflow"]
    lines = [f"### {MODELS[model]}", "", "| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    base = found.get("mlflow models serve")
    for name, one in found.items():
        cells = [name, f"{one['start']:.1f} s", f"{one['memory']:.0f} MiB"]
        for count in counts:
            if count not in one["runs"]:
                cells.append("")
                continue
            rate, median, late, spent = (mid(one, count, key) for key in ("rps", "p50_ms", "p99_ms", "cpu_us"))
            cells.append(f"{rate:,.0f}, {median:.2f} / {late:.1f}, {spent:,.0f}")
        shared = [count for count in counts if base and count in base["runs"] and count in one["runs"]]
        ratios = [mid(one, count, "rps") / mid(base, count, "rps") for count in shared] if base else []
        cells.append(" / ".join(f"{ratio:.1f}x" for ratio in ratios))
        forms = [form for form in one["runs"] if form not in counts]
        cells.append("; ".join(batch(one, form, base) for form in forms))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def batch(one: dict[str, Any], form: str, base: dict[str, Any] | None) -> str:
    """Rows per CPU second of one form of body."""
    spent = mid(one, form, "cpu_us")
    against = f", {mid(base, 'split', 'cpu_us') / spent:.1f}x" if base and "split" in base["runs"] else ""
    return f"{form} {BATCH * 1000 / spent:,.0f}k{against}"


def mid(one: dict[str, Any], count: str, key: str) -> float:
    """The median of the rounds."""
    return statistics.median(run[key] for run in one["runs"][count])


def keep(text: str, told: argparse.Namespace) -> None:
    """Into RESULTS.md, by the command that made it."""
    from run import keep as keep_section

    chosen = "" if told.models == ",".join(MODELS) else f" --models {told.models}"
    about = (
        f"{told.rounds} rounds of {told.seconds} s, interleaved in random order; one worker each. `local` is on the"
        " disk (fdatasync) before the answer, `process` survives a killed process; `not logged` scores and counts only,"
        " `bare` neither. CPU is that of the whole process tree; memory is that after single requests."
    )
    command = f"make bench-serving ARGS='--rounds {told.rounds} --seconds {told.seconds}{chosen}'"
    keep_section("serving", f"## Inference servers\n\n{about}\n\n{text}", command)


if __name__ == "__main__":
    main()
