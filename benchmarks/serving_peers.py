"""The servers that are compared: each in an environment of its own, with the same fitted models."""

import json
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
class Server:
    """How a server is started, and how it is asked."""

    name: str
    command: tuple[str, ...]
    port: int
    ready: str
    single: tuple[str, bytes]
    """Path and body of one row."""
    batch: tuple[str, bytes, str] | None = None
    """Path, body and content type of 10,000 rows."""
    environ: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None


def make_environments(folder: Path) -> None:
    """Creates those that are missing; takes minutes the first time."""
    uv = str(Path(sys.executable).parent / "uv")
    for name, packages in ENVIRONMENTS.items():
        if not (folder / name / "done").exists():
            print(f"installing {name} ...", flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
            python = str(folder / name / "bin" / "python")
            subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], check=True)
            (folder / name / "done").touch()


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


def ours(model: str, work: Path) -> Iterator[Server]:
    """Our server: with every promise, with the weaker one, and without drift, metrics and log."""
    directory, one, many = work / "models" / model, rows(1), rows(10_000)
    single = ("/invocations", split(one))
    json_kind = "application/json"
    batches = {
        "": ("/invocations", split(many), json_kind),
        ", V2": (f"/v2/models/{model}/infer", tensor(many, "np"), json_kind),
        ", Arrow": ("/batch-predict", stream(many), "application/vnd.apache.arrow.stream"),
    }
    for durability in ("local", "process"):
        for name, batch in batches.items() if durability == "local" else [("", None)]:
            port = free_port()
            log = work / "logs" / f"{model}{durability}{port}"
            command = [str(Path(sys.executable).parent / "mlmon"), "serve", "--model-dir", str(directory)]
            command += ["--port", str(port), "--log-dir", str(log), "--durability", durability]
            yield Server(f"ours, {durability}{name}", tuple(command), port, "/ping", single, batch)
    port = free_port()
    bare = (sys.executable, str(Path(__file__).parent / "serving_bare.py"), str(directory), str(port))
    yield Server("ours, bare", bare, port, "/ping", single)


def peers(model: str, work: Path, environments: Path) -> Iterator[Server]:
    """Everybody else."""
    one, many, json_kind = rows(1), rows(10_000), "application/json"
    saved, joblib = str(work / "mlflow" / model), str(work / "joblib" / f"{model}.joblib")
    bin_of = {name: str(environments / name / "bin") for name in ENVIRONMENTS}
    port = free_port()
    yield Server(
        "mlflow models serve",
        (f"{bin_of['mlflow']}/mlflow", "models", "serve", "-m", saved, "-p", str(port), "--env-manager", "local"),
        port,
        "/ping",
        ("/invocations", split(one)),
        ("/invocations", split(many), json_kind),
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
            "/readyz",
            ("/predict", json.dumps({"features": one.tolist()}).encode()),
            None if batchable else ("/predict", json.dumps({"features": many.tolist()}).encode(), json_kind),
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
            "/v2/health/ready",
            ("/v2/models/m/infer", body(one)),
            ("/v2/models/m/infer", body(many), json_kind),
            {"PATH": f"{bin_of['mlserver']}:/usr/bin:/bin"},
        )
