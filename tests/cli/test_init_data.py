"""`mlmon init --data` makes a pipeline of a data file: valid, training, and with what it guessed said."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from mlmon_dagster.adapters.pipelines import Declared, load_pipelines
from mlmon_dagster.adapters.references import missing_references
from mlmon_dagster.assets.callables import load_callable
from mlmon_dagster.cli import group
from mlmon_dagster.errors import BlockedError, MlmonError


def init(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["init", *map(str, arguments)], standalone_mode=False)


def refused(*arguments: object) -> MlmonError:
    error = init(*arguments).exception
    assert isinstance(error, MlmonError)
    return error


def customers(days: int = 60, each: int = 20) -> pd.DataFrame:
    """Rows with awkward names, missing values, an id, a constant, free text and a second moment."""
    random, rows = np.random.default_rng(5), days * each
    tenure = random.integers(0, 72, rows)
    return pd.DataFrame(
        {
            "Customer ID": [f"C{place:05}" for place in range(rows)],
            "signed at": [f"{date(2026, 1, 1) + timedelta(days=place // each)} 10:00:00" for place in range(rows)],
            "seen": [f"{date(2026, 3, 1) + timedelta(days=place % 20)}" for place in range(rows)],
            "plan: ${kind}": random.choice(["basic", "pro", "no"], rows),
            "Tenure (months)": tenure,
            "calls": np.where(random.random(rows) < 0.1, np.nan, random.poisson(1.2, rows)),
            "member": random.random(rows) < 0.5,
            "note": [f"free text {place // 2}" for place in range(rows)],
            "country": "DE",
            "branch_id": random.integers(0, 7, rows),
            "amount": 10.5 * tenure + random.normal(0, 1, rows),
            "Churned?": np.where(tenure < 20, "yes", "no"),
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "customers.csv"
    customers().to_csv(file, index=False)
    return file


def declared(folder: Path, name: str) -> Declared:
    one = load_pipelines(folder / "pipelines", {})[name]
    assert missing_references(one) == ()
    return one


def test_what_the_data_hold_is_found_and_said(data: Path, tmp_path: Path) -> None:
    output = init(tmp_path / "churn", "--data", data, "--target", "Churned?").output
    assert "time      signed at (also possible: --time seen)" in output
    assert "key       Customer ID" in output
    assert "target    Churned?: classes no, yes" in output
    assert "inputs    plan: ${kind}, Tenure (months), calls, member, amount" in output
    assert "left out  note: 600 different texts" in output
    assert "left out  country: it has one value only" in output
    assert "left out  branch_id: an id, not an amount" in output
    assert "left out  seen: 20 different texts" not in output
    assert output.splitlines()[-1].strip().startswith("mlmon run 'churn/data_*' churn/feature_store 'churn/dev/*'")


def test_the_file_is_valid_and_declares_what_was_found(data: Path, tmp_path: Path) -> None:
    init(tmp_path / "churn", "--data", data, "--target", "Churned?")
    stages = declared(tmp_path / "churn", "churn").pipeline.stages
    assert stages.data_ingestion.source.rows.key == ("Customer ID",)
    assert stages.data_preparation.schema["calls"].nullable
    assert stages.data_preparation.schema["Churned?"].one_of == ("no", "yes")
    assert "plan: ${kind}" in stages.data_preparation.schema
    performance = stages.model_monitoring.performance
    assert performance is not None
    assert (performance.metric, performance.positive) == ("accuracy", "yes")


@pytest.mark.parametrize(("target", "learned"), [("Churned?", 0.95), ("amount", 0.95), ("member", 0.5)])
def test_the_model_learns_from_what_it_is_given(data: Path, tmp_path: Path, target: str, learned: float) -> None:
    init(tmp_path / "made", "--data", data, "--target", target)
    rows = pd.read_csv(data)
    model = load_callable("made.model:train", tmp_path / "made" / "pipelines" / "made")(rows)
    assert model.score(rows[list(model.feature_names_in_)], rows[target]) > learned


def test_rows_without_a_key_are_monitored_without_performance(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    customers().drop(columns="Customer ID").to_parquet(file)
    assert "key       none" in init(tmp_path / "made", "--data", file, "--target", "amount").output
    assert declared(tmp_path / "made", "made").pipeline.stages.model_monitoring.performance is None


@pytest.mark.parametrize(
    ("days", "each", "every", "count"),
    [(60, 20, "weekly", 9), (30, 300, "daily", 30), (300, 1, "monthly", 10), (5, 2, "daily", 5)],
)
def test_windows_fit_how_many_rows_there_are(tmp_path: Path, days: int, each: int, every: str, count: int) -> None:
    file = tmp_path / "rows.csv"
    customers(days, each).to_csv(file, index=False)
    assert f"windows   {count} {every}; " in init(tmp_path / "made", "--data", file, "--target", "amount").output
    assert declared(tmp_path / "made", "made").pipeline.windows.every == every


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "churned"], "there is no column called 'churned'; did you mean Churned??"),
        (["--target", "amount", "--time", "when"], "there is no column called 'when'"),
        (["--target", "amount", "--time", "plan: ${kind}"], "holds no moments"),
        (["--target", "amount", "--key", "plan: ${kind}"], "does not tell rows apart"),
        (["--target", "note"], "neither an amount nor classes"),
        (["--target", "country"], "country cannot be predicted: it has one value only"),
        ([], "--target is missing"),
    ],
)
def test_what_no_pipeline_can_be_made_of_is_refused(
    data: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in refused(tmp_path / "made", "--data", data, *arguments).message
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[["amount", "calls"]], "no column holds moments"),
        (lambda rows: rows[:0], "the data has no rows"),
        (lambda rows: rows[:60], "too short to compare windows of a day"),
        (
            lambda rows: rows[["signed at", "Customer ID", "country", "amount"]],
            "nothing is left to predict amount from",
        ),
    ],
)
def test_data_that_do_not_suffice_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    file = tmp_path / "rows.csv"
    change(customers()).to_csv(file, index=False)
    assert said in refused(tmp_path / "made", "--data", file, "--target", "amount").message


def test_options_about_data_need_data(tmp_path: Path) -> None:
    assert "are about --data" in refused(tmp_path / "made", "--target", "amount").message
    assert "there is no file" in refused(tmp_path / "made", "--data", "gone.csv", "--target", "amount").message
    assert "is a folder" in refused(tmp_path / "made", "--data", tmp_path, "--target", "amount").message


def test_a_repository_gets_a_second_pipeline(data: Path, tmp_path: Path) -> None:
    init(tmp_path / "shop")
    answer = json.loads(
        init(tmp_path / "shop", "--name", "churn", "--data", data, "--target", "Churned?", "--json").output
    )
    assert answer["files"] == ["pipelines/churn/pipeline.yaml", "pipelines/churn/model.py"]
    assert set(load_pipelines(tmp_path / "shop" / "pipelines", {})) == {"shop", "churn"}
    assert isinstance(init(tmp_path / "shop", "--name", "churn").exception, BlockedError)
