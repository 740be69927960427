"""The smoke prediction: a model that was admitted is tried in a process that may do nothing else.

The process has no environment, no network (a namespace of its own where the system grants one), limits on memory, time
and files, and ends at once when something opens a socket, starts a program, loads a library, or opens a file that is
not the model's or Python's.
"""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.admission.findings import Finding, NotAdmittedError

SECONDS = 60
MEMORY_BYTES = 4 << 30
FILE_BYTES = 1 << 20
OPEN_FILES = 256

READABLE = ("/proc", "/sys", "/usr", "/lib", "/lib64", "/dev/null", "/dev/urandom", "/etc/localtime", "/etc/ld.so")
FORBIDDEN = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.kill", "ctypes."),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate"),
    *("shutil.", "pty.", "ftplib.", "smtplib.", "urllib.", "webbrowser."),
)
"""Events of Python's audit hooks."""


def smoke(directory: Path, modules: Sequence[str] = (), *, seconds: int = SECONDS, memory: int = MEMORY_BYTES) -> None:
    """Loads the model of an admitted directory and predicts its input example, in a process of its own.

    `modules` are folders that the model's own types are imported from. Raises `NotAdmittedError`: SMOKE for a wrong
    prediction, SANDBOX for an attempt at something forbidden, LIMIT for too much, CRASH when the process dies.
    """
    with tempfile.TemporaryDirectory(prefix="mlmon-smoke-") as home:
        told = {"directory": str(directory.resolve()), "modules": list(modules), "seconds": seconds, "memory": memory}
        command = [sys.executable, "-I", "-B", "-c", START, json.dumps([*map(str, sys.path)]), json.dumps(told)]
        environ = {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, cwd=home, env=environ, capture_output=True, timeout=seconds + 30, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotAdmittedError([Finding("LIMIT", "", f"it took longer than {seconds} seconds")]) from None
    if finding := _read(done):
        raise NotAdmittedError([finding])


START = (
    "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); "
    "from mlmon_dagster.adapters.admission.smoke import inside; inside(json.loads(sys.argv[2]))"
)


def _read(done: "subprocess.CompletedProcess[bytes]") -> Finding | None:
    lines = done.stdout.decode(errors="replace").splitlines()
    told: dict[str, Any] = {}
    for line in lines:
        if line.startswith("{"):
            told = json.loads(line)
    if told.get("code"):
        return Finding(told["code"], "", str(told["message"])[:300])
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGXFSZ):
        return Finding("LIMIT", "", f"it was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode < 0:
        return Finding("CRASH", "", f"it died of {signal.Signals(-done.returncode).name}")
    if done.returncode or not told:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no answer"]
        return Finding("SMOKE", "", f"it could not be tried: {last[0][:300]}")
    return None


def inside(told: dict[str, Any]) -> None:
    """What runs in the process; the answer is a line of JSON."""
    directory = Path(told["directory"])
    sys.path[:0] = told["modules"]
    _import_everything()
    _leave_the_network()
    for limit, value in (
        (resource.RLIMIT_AS, told["memory"]),
        (resource.RLIMIT_CPU, told["seconds"]),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    sys.addaudithook(_watch(directory, [*sys.path, sys.prefix, sys.base_prefix]))
    try:
        problem = _try(directory)
    except MemoryError:
        _tell("LIMIT", f"it needs more than {told['memory']} bytes of memory")
    except Exception as error:  # whatever the model raises is the answer
        _tell("SMOKE", f"it cannot be loaded or asked: {type(error).__name__}: {error}")
    else:
        _tell("SMOKE" if problem else "", problem)


def _try(directory: Path) -> str:
    """What is wrong with the predictions of the input example; empty for nothing."""
    from mlmon_dagster.adapters.admission.trees import examine_trees
    from mlmon_dagster.adapters.mlflow.pretrained import load_admitted, read_example

    model = load_admitted(directory)
    for finding in examine_trees(model, "model.skops"):
        return str(finding)
    example = read_example(directory)
    predictions = _flat(model.predict(example))
    if len(predictions) != len(example):
        return f"it gives {len(predictions)} predictions for {len(example)} rows"
    if any(isinstance(one, float) and not math.isfinite(one) for one in predictions):
        return "it gives a prediction that is not a finite number"
    return ""


def _flat(predictions: Any) -> list[Any]:
    import numpy as np

    array = np.asarray(predictions)
    flat: list[Any] = (array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array).tolist()
    return flat


def _import_everything() -> None:
    """Before the limits: libraries may read and start what they like."""
    import importlib

    for name in ("numpy", "pandas", "sklearn.ensemble", "sklearn.pipeline", "skops.io", "onnxruntime", "yaml", "scipy"):
        importlib.import_module(name)


def _leave_the_network() -> None:
    import ctypes

    new_user, new_net = 0x10000000, 0x40000000
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(new_net) != 0:
        library.unshare(new_user | new_net)  # where neither is granted, the audit hook alone stands guard


def _watch(directory: Path, roots: Sequence[str]) -> Any:
    allowed = tuple(os.path.realpath(one) for one in (str(directory), *roots, *READABLE) if one)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = (*arguments, None, None, None)[:3]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if isinstance(path, str | bytes | os.PathLike):
                real = os.path.realpath(os.fsdecode(path))
                if writes or not any(real == root or real.startswith(root + os.sep) for root in allowed):
                    _end(f"it opens {real}" + (" to write" if writes else ""))
            elif writes and isinstance(mode, str):
                _end("it opens a file to write")
        elif event.startswith(FORBIDDEN):
            _end(f"it does {event}")

    return hook


def _end(message: str) -> None:
    """At once: an exception could be caught."""
    _tell("SANDBOX", message)
    os._exit(97)


def _tell(code: str, message: str) -> None:
    os.write(1, (json.dumps({"code": code, "message": message}) + "\n").encode())
