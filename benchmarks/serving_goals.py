"""What the measurements of all models say of each goal."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Found = Mapping[str, Any]

ADAPTIVE = ("BentoML", "BentoML, adaptive batching", "MLServer, sklearn", "MLServer, mlflow")
MLFLOW = "mlflow models serve"
TIMES_MLFLOW = {"lr": "60x", "hgb": "100x", "rf": "250x", "ada": "5x, at 64: 15x"}


@dataclass(frozen=True)
class Goal:
    """What is wanted, what must be asked to know, and how it is read from what was measured."""

    name: str
    text: str
    least: str
    asks: tuple[str, ...]
    read: Callable[[Found, str, Path], str]


def asks_of(names: Sequence[str]) -> set[str] | None:
    """What must be asked for goals of these names; `None`, for everything, where none is named."""
    unknown = set(names) - {goal.name for goal in GOALS}
    if unknown:
        sys.exit(f"there is no goal {', '.join(unknown)}; the goals are {', '.join(goal.name for goal in GOALS)}")
    return {ask for goal in GOALS if goal.name in names for ask in goal.asks} if names else None


def goals(measured: Mapping[str, Found], work: Path, names: Sequence[str] = ()) -> str:
    """A table: one line for each goal (of these names), one column for each model."""
    lines = [
        "| goal | at least | " + " | ".join(measured) + " |",
        "|---" * (2 + len(measured)) + "|",
    ]
    for goal in GOALS:
        if names and goal.name not in names:
            continue
        cells = []
        for model, found in measured.items():
            try:
                cells.append(goal.read(found, model, work))
            except KeyError:  # a server is missing, or does not answer such requests
                cells.append("")
        asked = goal.least or ", ".join(f"{model} {TIMES_MLFLOW[model]}" for model in measured)
        lines.append(f"| {goal.text} | {asked} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mid(found: Found, server: str, run: str, key: str) -> float:
    """The median of the rounds; `KeyError` where it was not measured."""
    runs = found[server]["runs"]
    if run not in runs:
        raise KeyError(run)
    return statistics.median(one[key] for one in runs[run])


def both(value: Callable[[str], float], show: str) -> str:
    """For `local` and for `process`."""
    return " / ".join(show % value(f"ours, {name}") for name in ("local", "process"))


def requests(found: Found, model: str, work: Path) -> str:
    """Requests per second against MLflow's server."""
    counts = ("c16", "c64") if "c64" in found[MLFLOW]["runs"] else ("c16",)
    return ", at 64: ".join(
        both(lambda name, count=count: mid(found, name, count, "rps") / mid(found, MLFLOW, count, "rps"), "%.0fx")
        for count in counts
    )


def processor(found: Found, model: str, work: Path) -> str:
    """CPU of a request against the better of the other servers."""
    peers = [mid(found, name, "c16", "cpu_us") for name in ADAPTIVE if name in found and "c16" in found[name]["runs"]]
    return both(lambda name: min(peers) / mid(found, name, "c16", "cpu_us"), "%.1fx") if peers else ""


def promises(found: Found, model: str, work: Path) -> str:
    """What drift, metrics and log cost."""
    bare = mid(found, "ours, bare", "c16", "cpu_us")
    scored = mid(found, "ours, not logged", "c16", "cpu_us") - bare
    return both(lambda name: mid(found, name, "c16", "cpu_us") - bare, "%.1f") + f" (without the log {scored:.1f}) µs"


def logging(found: Found, model: str, work: Path) -> str:
    """What the log adds to the latency."""

    def added(name: str) -> float:
        return (mid(found, name, "c16", "p50_ms") / mid(found, "ours, not logged", "c16", "p50_ms") - 1) * 100

    return both(added, "%.0f %%")


def batches(found: Found, model: str, work: Path) -> str:
    """Rows per CPU second in the Open Inference Protocol against MLServer, both in JSON; ours as bytes."""
    peers = [mid(found, name, "V2", "cpu_us") for name in ADAPTIVE[2:] if name in found and "V2" in found[name]["runs"]]
    if not peers:
        return ""
    peer = min(peers)
    return " / ".join(f"{peer / mid(found, 'ours, local', form, 'cpu_us'):.1f}x" for form in ("V2", "V2, bytes"))


def splits(found: Found, model: str, work: Path) -> str:
    """The same against MLflow's server, byte-identical bodies."""
    ratio = mid(found, MLFLOW, "split", "cpu_us") / mid(found, "ours, local", "split", "cpu_us")
    return f"{ratio:.1f}x"


def starts(found: Found, model: str, work: Path) -> str:
    """Start to the first answer."""
    return f"1/{found[MLFLOW]['start'] / found['ours, local']['start']:.1f}"


def memories(found: Found, model: str, work: Path) -> str:
    """Memory after single requests."""
    return f"1/{found[MLFLOW]['memory'] / found['ours, local']['memory']:.1f}"


def difference(found: Found, model: str, work: Path) -> str:
    """The largest relative difference of served predictions from scikit-learn's own."""
    import joblib
    import numpy as np
    import pandas as pd
    from serving_peers import FEATURES, rows

    from mlmon_dagster.adapters.compiled.compiling import difference_of
    from mlmon_dagster.adapters.mlflow.model_directory import load_model

    matrix = rows(10_000)
    native = joblib.load(work / "joblib" / f"{model}.joblib")
    gaps = matrix.copy()
    gaps[np.random.default_rng(0).random(matrix.shape) < 0.2] = np.nan
    served = load_model(work / "models" / model).rows
    assert served is not None
    try:
        expected, told = native.predict(pd.DataFrame(gaps, columns=FEATURES)), "with missing values"
    except ValueError:
        gaps, told = matrix, "takes none missing"
        expected = native.predict(pd.DataFrame(gaps, columns=FEATURES))
    return f"{difference_of(expected, served.rows(gaps)):.0e} ({told})"


SINGLES, SIXTEEN, INFER = ("c1", "c16", "c64"), ("c16",), ("V2", "V2, bytes")

GOALS = (
    Goal("requests", "requests per second at 16 connections, `local` / `process`, x mlflow", "", SINGLES, requests),
    Goal(
        "processor",
        "CPU per request, the better of BentoML and MLServer / ours, `local` / `process`",
        "30x",
        SIXTEEN,
        processor,
    ),
    Goal(
        "promises", "CPU per request of drift, metrics and log, `local` / `process`", "at most 5 µs", SIXTEEN, promises
    ),
    Goal("logging", "latency that the log adds at 16 connections, `local` / `process`", "under 10 %", SIXTEEN, logging),
    Goal("infer", "batches, MLServer V2 / ours in JSON / ours in bytes", "1.2x", INFER, batches),
    Goal("split", "batches, MLflow / ours, the same body", "3x", ("split",), splits),
    Goal("start", "start to the first answer, of MLflow's", "1/8", (), starts),
    Goal("memory", "memory, of MLflow's", "1/3", (), memories),
    Goal("equal", "predictions against scikit-learn's", "1e-12", (), difference),
)
