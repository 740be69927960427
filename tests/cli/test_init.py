"""`mlmon init` makes a repository that is valid, trains, and never overwrites."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from mlmon_dagster.adapters.pipelines import load_pipelines
from mlmon_dagster.adapters.references import missing_references
from mlmon_dagster.assets.callables import load_callable
from mlmon_dagster.cli import group
from mlmon_dagster.errors import BlockedError, InputError

ROOT = Path(__file__).parents[2]


def init(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["init", *arguments], standalone_mode=False)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    assert init(str(tmp_path / "repository"), "--name", "flats").exception is None
    return tmp_path / "repository"


def test_the_pipeline_is_valid_and_refers_to_nothing_that_is_missing(made: Path) -> None:
    declared = load_pipelines(made / "pipelines", {})["flats"]
    assert missing_references(declared) == ()
    assert declared.pipeline.environments == ("dev", "staging", "prod")


def test_no_placeholder_is_left(made: Path) -> None:
    texts = [file.read_text() for file in made.rglob("*") if file.is_file()]
    assert not any("@name@" in text or "@version@" in text for text in texts)


def test_every_row_keeps_the_schema_and_every_day_has_rows(made: Path) -> None:
    stages = load_pipelines(made / "pipelines", {})["flats"].pipeline.stages
    rows = pd.read_csv(made / "pipelines" / "flats" / "sales.csv")
    assert set(stages.data_preparation.schema) <= set(rows.columns)
    for name, rule in stages.data_preparation.schema.items():
        assert rule.minimum is None or rows[name].min() >= rule.minimum
        assert rule.maximum is None or rows[name].max() <= rule.maximum
        assert rule.one_of is None or set(rows[name]) <= set(rule.one_of)
    assert rows["id"].is_unique
    assert rows.groupby("day").size().tolist() == [40] * 60


def test_the_model_learns_from_the_data(made: Path) -> None:
    folder = made / "pipelines" / "flats"
    rows = pd.read_csv(folder / "sales.csv").assign(size_per_room=lambda data: data["size"] / data["rooms"])
    model = load_callable("flats.model:train", folder)(rows[:2000])
    assert list(model.feature_names_in_) == ["size", "rooms", "age", "size_per_room"]
    assert model.score(rows[2000:][model.feature_names_in_], rows[2000:]["price"]) > 0.7


def test_the_same_data_is_made_every_time(made: Path, tmp_path: Path) -> None:
    init(str(tmp_path / "again"), "--name", "flats")
    assert (tmp_path / "again/pipelines/flats/sales.csv").read_bytes() == (
        made / "pipelines/flats/sales.csv"
    ).read_bytes()


def test_files_that_exist_are_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    result = init(str(tmp_path), "--name", "flats")
    assert isinstance(result.exception, BlockedError)
    assert "README.md" in result.exception.message
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "../a", "a b", "ä", "a" * 65])
def test_a_name_that_no_pipeline_may_have_is_refused(name: str, tmp_path: Path) -> None:
    result = init(str(tmp_path / "new"), "--name", name)
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "new").exists()


def test_the_folder_names_the_pipeline(tmp_path: Path) -> None:
    result = init(str(tmp_path / "my_shop"), "--json")
    assert json.loads(result.output)["pipeline"] == "my_shop"


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_dagster_files_are_those_of_the_repository(name: str, made: Path) -> None:
    assert (made / name).read_text() == (ROOT / name).read_text()


def test_the_workflow_runs_on_pull_requests(made: Path) -> None:
    workflow = yaml.safe_load((made / ".github/workflows/validate.yml").read_text())
    assert "pull_request" in workflow[True]
    assert {"run": "mlmon validate"} in workflow["jobs"]["validate"]["steps"]
