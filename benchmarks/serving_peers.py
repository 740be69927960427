"""The servers that are compared: each in an environment of its own, with the same fitted models."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ENVIRONMENTS = {
    "mlflow": ("mlflow==3.17.2", "scikit-learn==1.9.1", "numpy<2.5", "pandas<3"),
    "bento": ("bentoml>=1.4", "scikit-learn==1.9.1", "numpy<2.5", "pandas<3", "joblib"),
    "mlserver": ("mlserver>=1.7", "mlserver-sklearn>=1.7", "mlserver-mlflow>=1.7", "mlflow==3.17.2",
                 "scikit-learn==1.9.1", "numpy<2.5", "pandas<3"),
}  # fmt: skip
"""Environment -> what is installed there; bentoml resolves to 0.9 beside mlflow unless a version is asked for."""

FEATURES = ["bedrooms", "bathrooms", "sqft", "age", "location_score"]

BENTO = """
import bentoml, joblib, numpy as np
MODEL = joblib.load("{model}")

@bentoml.service(workers=1)
class S:
    @bentoml.api(batchable={batchable}, route="/predict", max_batch_size=256, max_latency_ms=1000)
    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(MODEL.predict(np.atleast_2d(features)))
"""


@dataclass(frozen=True)
class Question:
    """What is asked again and again."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Server:
    """How a server is started, and how it is asked."""

    name: str
    command: tuple[str, ...]
    port: int
    single: "Question"
    """One row."""
    batches: dict[str, "Question"] = field(default_factory=dict)
    """10,000 rows, by the name of their form."""
    environ: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None


def make_environments(folder: Path) -> dict[str, str]:
    """Creates those that are missing, which takes minutes the first time; what could not be had, and why."""
    uv, missing = str(Path(sys.executable).parent / "uv"), {}
    for name, packages in ENVIRONMENTS.items():
        if (folder / name / "done").exists():
            continue
        print(f"installing {name} ...", flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / name)], check=True)
            python = str(folder / name / "bin" / "python")
            subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            missing[name] = f"its environment cannot be made: {error}"
            continue
        (folder / name / "done").touch()
    return missing


def rows(count: int) -> np.ndarray:
    """Rows like those the models were trained on, as JSON writes them short."""
    random = np.random.default_rng(3)
    columns = [
        random.integers(1, 6, count),
        random.integers(1, 4, count),
        random.normal(2000, 500, count),
        random.uniform(0, 50, count),
        random.uniform(1, 10, count),
    ]
    return np.round(np.stack(columns, axis=1).astype(float), 4)


def split(matrix: np.ndarray) -> bytes:
    """MLflow's body."""
    return json.dumps({"dataframe_split": {"columns": FEATURES, "data": matrix.tolist()}}).encode()


def tensor(matrix: np.ndarray, kind: str) -> bytes:
    """The Open Inference Protocol's body with one flat tensor."""
    one = {"name": "predict", "shape": list(matrix.shape), "datatype": "FP64", "data": matrix.ravel().tolist()}
    return json.dumps({"inputs": [one], "parameters": {"content_type": kind}}).encode()


def columns(matrix: np.ndarray) -> bytes:
    """The same with a tensor for each feature, as MLServer's MLflow runtime takes it."""
    inputs = [
        {"name": name, "shape": [len(matrix), 1], "datatype": "FP64", "data": matrix[:, place].tolist()}
        for place, name in enumerate(FEATURES)
    ]
    return json.dumps({"inputs": inputs, "parameters": {"content_type": "pd"}}).encode()


def octets(matrix: np.ndarray) -> tuple[bytes, dict[str, str]]:
    """The same tensor as bytes behind the JSON, and the headers that say so."""
    parameters = {"binary_data_size": matrix.nbytes}
    one = {"name": "predict", "shape": list(matrix.shape), "datatype": "FP64", "parameters": parameters}
    head = json.dumps({"inputs": [one], "parameters": {"binary_data_output": True}}).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    return head + matrix.tobytes(), {"Content-Type": "application/octet-stream", **length}


def stream(matrix: np.ndarray) -> bytes:
    """An Arrow stream."""
    import io

    import pyarrow as pa

    table, sink = pa.table({name: matrix[:, place].copy() for place, name in enumerate(FEATURES)}), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def logs_of(work: Path) -> Path:
    """Where our servers of this run keep their logs."""
    return work / f"logs-{os.getpid()}"


def ours(model: str, work: Path) -> Iterator[Server]:
    """Our server: with every promise, with the weaker one, without the log, and without drift and metrics, too."""
    directory, one, many = work / "models" / model, rows(1), rows(10_000)
    single = Question("/invocations", split(one))
    infer = f"/v2/models/{model}/infer"
    batches = {
        "split": Question("/invocations", split(many)),
        "V2": Question(infer, tensor(many, "np")),
        "V2, bytes": Question(infer, *octets(many)),
        "Arrow": Question("/batch-predict", stream(many), {"Content-Type": "application/vnd.apache.arrow.stream"}),
    }
    kinds = {
        "local": ("--durability", "local"),
        "process": ("--durability", "process"),
        "not logged": ("--durability", "process", "--sample", "0.000001"),
    }
    for name, options in kinds.items():
        port = free_port()
        log = logs_of(work) / f"{model}{name.replace(' ', '_')}{port}"
        command = [str(Path(sys.executable).parent / "mlmon"), "serve", "--model-dir", str(directory)]
        command += ["--port", str(port), "--log-dir", str(log), *options]
        yield Server(f"ours, {name}", tuple(command), port, single, batches if name == "local" else {})
    port = free_port()
    bare = (sys.executable, str(Path(__file__).parent / "serving_bare.py"), str(directory), str(port))
    yield Server("ours, bare", bare, port, single)


def peers(model: str, work: Path, environments: Path) -> Iterator[Server]:
    """Everybody else."""
    one, many = rows(1), rows(10_000)
    saved, joblib = str(work / "mlflow" / model), str(work / "joblib" / f"{model}.joblib")
    bin_of = {name: str(environments / name / "bin") for name in ENVIRONMENTS}
    port = free_port()
    yield Server(
        "mlflow models serve",
        (f"{bin_of['mlflow']}/mlflow", "models", "serve", "-m", saved, "-p", str(port), "--env-manager", "local"),
        port,
        Question("/invocations", split(one)),
        {"split": Question("/invocations", split(many))},
        {"PATH": f"{bin_of['mlflow']}:/usr/bin:/bin"},
    )
    for batchable in (False, True):
        folder = work / "bento" / f"{model}{batchable}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.py").write_text(BENTO.format(model=joblib, batchable=batchable))
        port = free_port()
        yield Server(
            "BentoML, adaptive batching" if batchable else "BentoML",
            (f"{bin_of['bento']}/bentoml", "serve", "service:S", "--port", str(port), "--host", "127.0.0.1"),
            port,
            Question("/predict", json.dumps({"features": one.tolist()}).encode()),
            {} if batchable else {"rows": Question("/predict", json.dumps({"features": many.tolist()}).encode())},
            {"PATH": f"{bin_of['bento']}:/usr/bin:/bin", "BENTOML_DO_NOT_TRACK": "1"},
            str(folder),
        )
    runtimes = {
        "mlserver_sklearn.SKLearnModel": ("MLServer, sklearn", joblib, lambda some: tensor(some, "np")),
        "mlserver_mlflow.MLflowRuntime": ("MLServer, mlflow", saved, columns),
    }
    for runtime, (name, uri, body) in runtimes.items():
        folder, port = work / "mlserver" / f"{model}{name[-6:]}", free_port()
        (folder / "m").mkdir(parents=True, exist_ok=True)
        settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
        model_settings = {"name": "m", "implementation": runtime, "parameters": {"uri": uri}}
        (folder / "m" / "model-settings.json").write_text(json.dumps(model_settings))
        yield Server(
            name,
            (f"{bin_of['mlserver']}/mlserver", "start", str(folder)),
            port,
            Question("/v2/models/m/infer", body(one)),
            {"V2": Question("/v2/models/m/infer", body(many))},
            {"PATH": f"{bin_of['mlserver']}:/usr/bin:/bin"},
        )
