"""One piece of drift work, in the environment of whoever does it: prints its CPU seconds and its extra memory.

PYTHON benchmarks/drift_jobs.py JOB DATA [--runs N]

CPU is the median of the runs after a first one that is not counted (user and system, all threads). Extra memory is how
far the process's peak rose above what it held before the work, its inputs included.
"""

import argparse
import importlib.util
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_spec = importlib.util.spec_from_file_location(
    "processor", Path(__file__).parents[1] / "mlmon_dagster" / "processor.py"
)
_processor = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_processor)
if not version("numpy").startswith("1."):  # as ours does for itself: numpy 2 then sorts as fast everywhere
    _processor.spare_avx512(os.environ)

import numpy as np  # noqa: E402

NUMERIC = [f"n{place:02d}" for place in range(20)]
CATEGORICAL = ["ci0", "ci1", "cs0", "cs1", "cs2"]
METHODS = {"ks": ["ks", "chi_square"], "all": None}
Job = Callable[[], Any]


def frames(data: Path, size: str) -> tuple[Any, Any]:
    import pandas as pd

    return tuple(pd.read_parquet(data / f"{size}_{side}.parquet") for side in ("reference", "window"))


def declared(reference: Any) -> dict[str, Any]:
    """Ours as everybody declares it: code columns are categories."""
    from mlmon_dagster.drift.column import Column

    return {name: Column.of(name, reference[name].to_numpy(), "categorical") for name in ("ci0", "ci1")}


def ours(data: Path, size: str, methods: str) -> Job:
    from mlmon_dagster import Profile

    reference, window = frames(data, size)
    profile = Profile.of(dict(reference.items()) | declared(reference), exact=True)
    return lambda: profile.compare(dict(window.items()) | declared(window), METHODS[methods])


def ours_bins(data: Path, size: str) -> Job:
    from mlmon_dagster import Profile

    reference, window = frames(data, size)
    profile = Profile.from_bytes(Profile.of(reference).to_bytes())
    return lambda: profile.compare(window)


def ours_numeric(data: Path, size: str) -> Job:
    from mlmon_dagster import Profile

    reference, window = frames(data, size)
    profile = Profile.of(reference[NUMERIC], exact=True)
    now = window[NUMERIC]
    return lambda: profile.compare(now)


def bare_sort(data: Path, size: str) -> Job:
    _, window = frames(data, size)
    columns = [window[name].to_numpy() for name in NUMERIC]
    return lambda: [len(np.sort(column)) for column in columns]


def ours_windows(data: Path) -> Job:
    """All windows from their files, column by column; the reference is fitted once, before."""
    import pandas as pd

    from mlmon_dagster import Profile
    from mlmon_dagster.adapters.parquet import LazyColumns

    profile = Profile.of(pd.read_parquet(data / "L_reference.parquet"), exact=True)
    files = sorted((data / "windows").glob("*.parquet"))
    return lambda: [profile.compare(LazyColumns(file)) for file in files]


def evidently(data: Path, size: str, count: int = 0) -> Job:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    kinds = DataDefinition(numerical_columns=NUMERIC, categorical_columns=CATEGORICAL)
    reference, window = frames(data, size)
    windows = [pd.read_parquet(file) for file in sorted((data / "windows").glob("*.parquet"))[:count]] or [window]

    def run(window: Any) -> Any:
        sides = [Dataset.from_pandas(one, data_definition=kinds) for one in (window, reference)]
        return Report([DataDriftPreset(include_tests=False)], include_tests=False).run(*sides).dict()

    return lambda: [run(window) for window in windows]


def scipy(data: Path, size: str, count: int = 0, *, wasserstein: bool = False) -> Job:
    import pandas as pd
    from scipy import stats

    reference, window = frames(data, size)
    windows = [pd.read_parquet(file) for file in sorted((data / "windows").glob("*.parquet"))[:count]] or [window]

    def run(window: Any) -> None:
        for name in NUMERIC:
            stats.ks_2samp(reference[name].to_numpy(), window[name].to_numpy(), method="asymp")
            if wasserstein:
                stats.wasserstein_distance(reference[name].to_numpy(), window[name].to_numpy())
        for name in CATEGORICAL:
            sides = [one[name].value_counts() for one in (reference, window)]
            stats.chi2_contingency(pd.concat(sides, axis=1).fillna(0).to_numpy().T, correction=False)

    return lambda: [run(window) for window in windows]


def alibi(data: Path, size: str) -> Job:
    from alibi_detect.cd import TabularDrift

    reference, window = frames(data, size)
    codes = {name: {value: code for code, value in enumerate(sorted(reference[name].unique()))} for name in CATEGORICAL}

    def matrix(frame: Any) -> Any:
        columns = [frame[name].to_numpy() for name in NUMERIC]
        columns += [frame[name].map(codes[name]).to_numpy() for name in CATEGORICAL]
        return np.asfortranarray(np.column_stack(columns))  # one column after the other in memory, as it reads them

    places = {20 + place: None for place in range(len(CATEGORICAL))}
    detector, now = TabularDrift(matrix(reference), p_val=0.05, categories_per_feature=places), matrix(window)
    return lambda: detector.predict(now)


def nannyml(data: Path, size: str) -> Job:
    import nannyml

    reference, window = frames(data, size)
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=NUMERIC + CATEGORICAL,
        treat_as_categorical=CATEGORICAL,
        continuous_methods=["kolmogorov_smirnov"],
        categorical_methods=["chi2"],
        chunk_number=1,
    ).fit(reference)
    return lambda: calculator.calculate(window)


def ours_auc(data: Path) -> Job:
    from mlmon_dagster.drift.ranking import ranked

    labels, scores = np.load(data / "scores.npy")
    truth = labels == 1
    return lambda: ranked(truth, scores).area


def sklearn_auc(data: Path) -> Job:
    from sklearn.metrics import roc_auc_score

    labels, scores = np.load(data / "scores.npy")
    truth = labels == 1
    return lambda: float(roc_auc_score(truth, scores))


def ours_stream(data: Path) -> Job:
    from mlmon_dagster.adapters.parquet import ParquetFiles
    from mlmon_dagster.adapters.profiles import count_profile
    from mlmon_dagster.drift.profile import Profile

    profile = Profile.from_bytes((data / "stream.profile").read_bytes())
    return lambda: count_profile(profile, ParquetFiles.of(data / "stream")).rows


def decode(data: Path) -> Job:
    from mlmon_dagster.adapters.parquet import ParquetFiles

    def run() -> int:
        files, rows = ParquetFiles.of(data / "stream"), 0
        for name in files.names:
            rows += sum(batch.column(0).to_numpy(zero_copy_only=False).size for batch in files.batches(name))
        return rows

    return run


JOBS: dict[str, Callable[[Path], Job]] = {
    "ours_L": lambda data: ours(data, "L", "all"),
    "ours_L_ks": lambda data: ours(data, "L", "ks"),
    "ours_L_bins": lambda data: ours_bins(data, "L"),
    "ours_L_numeric": lambda data: ours_numeric(data, "L"),
    "sort_L": lambda data: bare_sort(data, "L"),
    "ours_S": lambda data: ours(data, "S", "all"),
    "ours_windows": ours_windows,
    "evidently_L": lambda data: evidently(data, "L"),
    "evidently_S": lambda data: evidently(data, "S"),
    "evidently_windows": lambda data: evidently(data, "L", 2),
    "scipy_L": lambda data: scipy(data, "L"),
    "scipy_windows": lambda data: scipy(data, "L", 2, wasserstein=True),
    "alibi_L": lambda data: alibi(data, "L"),
    "nannyml_L": lambda data: nannyml(data, "L"),
    "ours_auc": ours_auc,
    "sklearn_auc": sklearn_auc,
    "ours_stream": ours_stream,
    "decode": decode,
}


def memory_mib() -> float:
    """The peak of this program alone; `ru_maxrss` would remember whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="count the first run too: for work that takes minutes")
    arguments = parser.parse_args()
    job = JOBS[arguments.job](arguments.data)
    before, costs = memory_mib(), []
    for _ in range(arguments.runs + (not arguments.cold)):
        start = time.process_time()
        answer = job()
        costs.append(time.process_time() - start)
    counted = costs if arguments.cold else costs[1:]
    told = {"cpu": statistics.median(counted), "extra_mib": memory_mib() - before, "peak_mib": memory_mib()}
    print(json.dumps(told | ({"answer": answer} if isinstance(answer, int | float) else {})))


if __name__ == "__main__":
    sys.exit(main())
