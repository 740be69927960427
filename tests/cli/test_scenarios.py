"""`mlmon scenarios` against real servers: the shipped house price example, any registered model, and a broken one."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from answering import Asked, Said, answering
from click.testing import CliRunner, Result
from registered import register_versions

from mlmon_dagster.adapters.mlflow.model_directory import write_model
from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.adapters.pipelines import load_pipelines
from mlmon_dagster.adapters.targets._process import ServerProcess
from mlmon_dagster.cli import group
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile

PIPELINES = Path(__file__).parents[2] / "pipelines"
EXAMPLE = PIPELINES / "house_price_lambda"


def scenarios(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["scenarios", *arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def houses() -> pd.DataFrame:
    """The reference of the example: the rows before 2026-01-11."""
    rows = pd.read_csv(EXAMPLE / "data" / "houses.csv.gz")
    return rows[rows.date < "2026-01-11"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, houses: pd.DataFrame) -> Iterator[str]:
    """The example's model, trained and served by a process of its own."""
    home = tmp_path_factory.mktemp("server")
    sys.path.insert(0, str(PIPELINES))
    try:
        module = importlib.import_module("house_price_lambda.model")
    finally:
        sys.path.remove(str(PIPELINES))
    inputs = houses[module.INPUTS]
    profile = Profile.of({name: Column.of(name, inputs[name].to_numpy()) for name in module.INPUTS}).to_bytes()
    manifest = write_model(home / "model", module.train(houses), inputs, profile)
    served = {"model": "house_price_lambda", "version": 1, "digest": manifest.digest, "pipeline": "house_price_lambda"}
    process = ServerProcess(home)
    yield process.start({"served": served, "log_directory": str(home / "log")}, [PIPELINES])
    process.stop()


def test_the_example_has_the_reference_of_the_original(houses: pd.DataFrame) -> None:
    told = {
        "bedrooms": (3.04, 1.44), "bathrooms": (1.99, 0.82), "sqft": (1998, 496), "age": (24.7, 14.8),
        "location_score": (5.53, 2.60),
    }  # fmt: skip
    for name, (mean, std) in told.items():
        digits = 0 if name == "sqft" else 1 if name == "age" else 2
        assert (round(houses[name].mean(), digits), round(houses[name].std(), digits)) == (mean, std), name
    assert len(houses) == 1000


def test_the_data_are_what_the_generator_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PIPELINES))
    from house_price_lambda.houses import Houses, with_production

    kept = pd.read_csv(EXAMPLE / "data" / "houses.csv.gz")
    pd.testing.assert_frame_equal(kept, with_production(Houses()), check_dtype=False)
    related = Houses(correlation=0.6).make()
    assert related.bedrooms.mean() == kept.bedrooms[:1000].mean()
    assert related[["bedrooms", "sqft"]].corr(method="spearman").iloc[0, 1] > 0.4


def test_both_shipped_pipelines_are_valid() -> None:
    assert set(load_pipelines(PIPELINES, {})) == {"house_prices", "house_price_lambda"}


def test_detection_on_the_example_gives_the_numbers_of_the_original(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLMON_PIPELINES", str(PIPELINES))
    result = scenarios(server, "--json")
    assert result.return_value == 0, result.output
    told = json.loads(result.output)
    found = {one["name"]: (one["average"], one["alerts"], one["records"]) for one in told["scenarios"]}
    assert found["baseline"] == (pytest.approx(0.14, abs=0.005), 0, 4)
    assert found["moderate"] == (pytest.approx(1.49, abs=0.02), 0, 4)
    assert found["high"] == (pytest.approx(3.2, abs=0.02), 4, 4)
    assert (told["works"], len(found)) == (True, 5)


def test_the_quick_test_asks_only_what_it_is_told_to(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMON_PIPELINES", str(PIPELINES))
    result = scenarios(server, "--only", "baseline", "--only", "moderate")
    assert result.return_value == 0
    assert "drift detection works" in result.output
    assert "high" not in result.output


def test_a_demand_that_is_not_met_ends_with_1(server: str, tmp_path: Path) -> None:
    text = (
        (EXAMPLE / "scenarios.yaml")
        .read_text()
        .replace("average: 3.2", "average: 1.0")
        .replace("alerts: 4", "alerts: 0")
    )
    (tmp_path / "s.yaml").write_text(text)
    result = scenarios(server, "--file", str(tmp_path / "s.yaml"), "--only", "high")
    assert result.return_value == 1
    assert "4 of 4 records raise an alert" in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere"], 2, "expected the address of a server"),
        (["http://127.0.0.1:9"], 5, "does not answer as an inference server"),
    ],
)
def test_an_address_that_is_none_is_told(arguments: list[str], code: int, told: str) -> None:
    result = scenarios(*arguments)
    assert (result.exception.exit_code, told in str(result.exception)) == (code, True)  # type: ignore[union-attr]


def test_a_page_of_the_server_is_not_taken_for_the_server(server: str) -> None:
    result = scenarios(f"{server}/docs")
    assert "/health has no 'model'" in str(result.exception)


def test_an_unknown_scenario_is_told_with_the_known_ones(server: str) -> None:
    result = scenarios(server, "--file", str(EXAMPLE / "scenarios.yaml"), "--only", "hihg")
    assert "did you mean high" in str(result.exception)


def test_any_registered_model_is_tested_by_its_own_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, (version,) = register_versions(tmp_path, count=1)
    monkeypatch.setenv("MLMON_HOME", str(settings.home))
    monkeypatch.setenv("MLMON_PIPELINES", str(settings.pipelines))
    home = tmp_path / "server"
    home.mkdir()
    open_registry(settings).export(version, home / "model")
    process = ServerProcess(home)
    served = {"model": version.name, "version": version.number, "digest": version.digest}
    address = process.start({"served": served, "log_directory": str(home / "log")}, [])
    try:
        result = scenarios(address, "--json")
        told = json.loads(result.output)
        assert (result.return_value, told["works"]) == (0, True), result.output
        assert told["scenarios_from"] == "the reference of houses version 1"
        assert [one["name"] for one in told["scenarios"]] == ["baseline", "moderate", "high", "individual"]
    finally:
        process.stop()


def blind(asked: Asked) -> Said:
    """Gives a score of 0 whatever it is asked."""
    if asked.method == "GET":
        return Said(200, {"model": "house_price_lambda", "version": 1, "digest": "d", "pipeline": "house_price_lambda"})
    return Said(200, {"prediction": 1.0, "drift_score": 0.0, "band": "normal", "drift": {}})


def test_a_server_that_sees_no_drift_ends_with_1() -> None:
    with answering(blind) as url:
        result = scenarios(url, "--file", str(EXAMPLE / "scenarios.yaml"), "--json")
    told = json.loads(result.output)
    assert (result.return_value, told["works"]) == (1, False)
    assert [one["name"] for one in told["scenarios"] if not one["passed"]] == [
        "baseline", "normal", "moderate", "high", "individual"
    ]  # fmt: skip
