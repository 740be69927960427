"""Batch inference: the same answers as the server's, in constant memory, resumable, and honest about what it leaves."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from registered import profile, reference
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression

from mlmon_dagster.adapters.batch.folder import BatchFolder
from mlmon_dagster.adapters.batch.scorer import BatchScorer
from mlmon_dagster.adapters.mlflow.model_directory import write_model
from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.cli import group
from mlmon_dagster.errors import DataError, InputError, MissingError

MODELS = {
    "linear": LinearRegression(),
    "boosting": HistGradientBoostingRegressor(max_iter=20, random_state=0),
    "forest": RandomForestRegressor(8, max_depth=6, random_state=0),
}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A directory with a registered form of each model."""
    made, frame = {}, reference()
    for name, model in MODELS.items():
        made[name] = tmp_path_factory.mktemp(name)
        write_model(made[name] / "model", model.fit(frame, frame.sqft * 3 + frame.grade), frame, profile(frame))
    return made


@pytest.fixture
def scorer(homes: dict[str, Path]) -> BatchScorer:
    return BatchScorer.open(homes["linear"] / "model", 7)


def write(path: Path, rows: int, seed: int = 0, **columns: object) -> Path:
    random = np.random.default_rng(seed)
    table = {
        "id": np.arange(rows), "sqft": random.normal(2000, 500, rows), "grade": random.integers(1, 13, rows), **columns
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), path)
    return path


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["batch-predict", *map(str, arguments)], standalone_mode=False)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_gives_what_the_server_answers_row_by_row(homes: dict[str, Path], tmp_path: Path, name: str) -> None:
    write(tmp_path / "in" / "a.parquet", 60)
    scorer = BatchScorer.open(homes[name] / "model", 7)
    BatchFolder(tmp_path / "in", tmp_path / "out", scorer).score(tmp_path / "in" / "a.parquet")
    rows = pq.read_table(tmp_path / "out" / "a.parquet").to_pylist()
    process = ServerProcess(homes[name])
    served = {"model": "houses", "version": 7, "digest": scorer.digest}
    address = process.start({"served": served, "log_directory": str(tmp_path / "log")}, [])
    try:
        with httpx.Client(base_url=address) as client:
            for row in rows:
                answer = client.post("/predict", json={"sqft": row["sqft"], "grade": row["grade"]}).json()
                assert row["prediction"] == answer["prediction"]
                assert row["drift_score"] == answer["drift_score"]
                assert row["drift_max"] == answer["drift_max"]
                assert row["model_version"] == answer["model_version"]
    finally:
        process.stop()


def test_rows_that_the_server_would_refuse_are_set_aside_with_the_reason(scorer: BatchScorer, tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.parquet", 4, sqft=[1.0, None, float("nan"), float("inf")])
    done = BatchFolder(tmp_path / "in", tmp_path / "out", scorer).score(file)
    assert (done.rows, done.set_aside) == (1, 3)
    aside = pq.read_table(tmp_path / "out" / "_set_aside" / "a.parquet")
    assert aside["reason"].to_pylist() == ["sqft is missing", "sqft is missing", "sqft is not a finite number"]
    assert aside["id"].to_pylist() == [1, 2, 3]
    assert pq.read_table(tmp_path / "out" / "a.parquet")["id"].to_pylist() == [0]


def test_numbers_that_an_integer_cannot_be_are_set_aside(scorer: BatchScorer, tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.parquet", 3, grade=[7.0, 2.5, 2.0**60])
    assert scorer.inputs[1].kind == "integer"
    BatchFolder(tmp_path / "in", tmp_path / "out", scorer).score(file)
    aside = pq.read_table(tmp_path / "out" / "_set_aside" / "a.parquet")
    assert aside["reason"].to_pylist() == ["grade is no integer", "grade is too large a number"]


def test_said_again_only_what_is_new_or_changed_is_scored(scorer: BatchScorer, tmp_path: Path) -> None:
    folder = BatchFolder(tmp_path / "in", tmp_path / "out", scorer)
    files = [write(tmp_path / "in" / "x" / f"{number}.parquet", 10, number) for number in range(3)]
    for file in files:
        assert folder.done(file) is None
        folder.score(file)
    assert folder.files() == files
    before = (tmp_path / "out" / "x" / "1.parquet").read_bytes()
    assert all(folder.done(file) for file in files)
    write(files[0], 11, 9)
    (tmp_path / "out" / "x" / "2.parquet").unlink()
    assert [folder.done(file) is not None for file in files] == [False, True, False]
    folder.score(files[1])
    assert (tmp_path / "out" / "x" / "1.parquet").read_bytes() == before  # the same rows give the same file


def test_another_model_scores_everything_anew(homes: dict[str, Path], scorer: BatchScorer, tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.parquet", 5)
    BatchFolder(tmp_path / "in", tmp_path / "out", scorer).score(file)
    other = BatchScorer.open(homes["forest"] / "model", 8)
    assert BatchFolder(tmp_path / "in", tmp_path / "out", other).done(file) is None


def test_a_killed_batch_goes_on_where_it_was(homes: dict[str, Path], tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path / "in" / f"{number:02}.parquet", 20_000, number)
    command = [sys.executable, "-c", "from mlmon_dagster.cli import main; main()", "batch-predict"]
    command += [str(tmp_path / "in"), str(tmp_path / "out"), "--model-dir", str(homes["boosting"] / "model")]
    first = subprocess.Popen(command)
    while len(list((tmp_path / "out").glob("*.parquet"))) < 2:
        assert first.poll() is None
    first.kill()
    first.wait()
    again = predict(tmp_path / "in", tmp_path / "out", "--model-dir", homes["boosting"] / "model", "--json")
    told = json.loads(again.output)
    assert (again.return_value, told["files"], told["rows"], told["failed"]) == (0, 30, 600_000, {})
    assert 1 <= told["kept"] < 30
    whole = predict(tmp_path / "in", tmp_path / "whole", "--model-dir", homes["boosting"] / "model", "--json")
    assert whole.return_value == 0
    for number in range(30):
        name = f"{number:02}.parquet"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "out").rglob(".*.parquet.part*"))


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_scored(homes: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path / "in" / "good.parquet", 5)
    (tmp_path / "in" / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    pq.write_table(pa.table({"sqft": [1.0]}), tmp_path / "in" / "less.parquet")
    pq.write_table(pa.table({"sqft": ["x"], "grade": [1]}), tmp_path / "in" / "text.parquet")
    result = predict(tmp_path / "in", tmp_path / "out", "--model-dir", homes["linear"] / "model", "--json")
    told = json.loads(result.output)
    assert (result.return_value, told["rows"]) == (1, 5)
    messages = {Path(file).name: message for file, message in told["failed"].items()}
    assert "[CORRUPT]" in messages["bad.parquet"]
    assert "[SCHEMA]" in messages["less.parquet"]
    assert "there is no column called 'grade'" in messages["less.parquet"]
    assert "sqft is a float, the column is string" in messages["text.parquet"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*")) == ["_manifests", "good.parquet"]


def test_an_empty_file_gives_an_empty_file_with_the_columns(scorer: BatchScorer, tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.parquet", 0)
    assert BatchFolder(tmp_path / "in", tmp_path / "out", scorer).score(file).drift_score is None
    names = pq.read_table(tmp_path / "out" / "a.parquet").column_names
    assert names == ["id", "sqft", "grade", "prediction", "drift_score", "drift_max", "model_version"]


def test_a_folder_that_is_none_or_lies_inside_the_other_is_refused(scorer: BatchScorer, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no folder"):
        BatchFolder(tmp_path / "gone", tmp_path / "out", scorer).files()
    (tmp_path / "in").mkdir()
    with pytest.raises(MissingError, match="no Parquet file"):
        BatchFolder(tmp_path / "in", tmp_path / "out", scorer).files()
    with pytest.raises(InputError, match="lies inside the input"):
        BatchFolder(tmp_path / "in", tmp_path / "in" / "out", scorer).files()


def test_a_model_without_a_reference_scores_nothing(homes: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    from mlmon_dagster.adapters.mlflow.manifest import Manifest

    shutil.copytree(homes["linear"] / "model", tmp_path / "model")
    (tmp_path / "model" / "profile.npz").unlink()
    Manifest.of(tmp_path / "model").write(tmp_path / "model")
    with pytest.raises(DataError, match="no reference profile"):
        BatchScorer.open(tmp_path / "model", 1)


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="pyspark is installed")
def test_spark_that_is_not_installed_is_told(homes: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.parquet", 5)
    model = homes["linear"] / "model"
    result = predict(tmp_path / "in", tmp_path / "out", "--model-dir", model, "--engine", "spark")
    assert "pyspark is not installed" in str(result.exception)
    assert result.exception.exit_code == 2  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed")
def test_spark_gives_the_same_bytes(homes: dict[str, Path], scorer: BatchScorer, tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "in" / f"{number}.parquet", 1000, number)
    write(tmp_path / "in" / "1.parquet", 2, sqft=[1.0, None])
    model = homes["linear"] / "model"
    result = predict(
        tmp_path / "in", tmp_path / "spark", "--model-dir", model, "--engine", "spark", "--master", "local[1]"
    )
    assert result.return_value == 0, result.exception
    predict(tmp_path / "in", tmp_path / "local", "--model-dir", model)
    for name in ("0.parquet", "1.parquet", "2.parquet", "_set_aside/1.parquet"):
        assert (tmp_path / "spark" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    again = predict(tmp_path / "in", tmp_path / "spark", "--model-dir", model, "--json")
    assert json.loads(again.output)["kept"] == 3  # who goes on where it was may do so on one machine


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(homes: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys, resource; from pathlib import Path\n"
        "from mlmon_dagster.adapters.batch.folder import BatchFolder\n"
        "from mlmon_dagster.adapters.batch.scorer import BatchScorer\n"
        "source, target, model = map(Path, sys.argv[1:])\n"
        "folder = BatchFolder(source, target, BatchScorer.open(model, 1))\n"
        "for file in folder.files(): folder.score(file)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for rows in (200_000, 4_000_000):
        write(tmp_path / f"in{rows}" / "a.parquet", rows)
        paths = [tmp_path / f"in{rows}", tmp_path / f"out{rows}", homes["linear"] / "model"]
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] * 1.5
