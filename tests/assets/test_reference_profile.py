"""The profile that is registered with a version: one artefact that joint monitors and the command line work from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from watched import World

from mlmon_dagster.adapters.profiles import write_profile
from mlmon_dagster.assets import joint
from mlmon_dagster.assets.reference_profile import reference_profile
from mlmon_dagster.cli import group
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.multivariate.judging import judge_covariances
from mlmon_dagster.drift.parts import Parts
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.pipeline.monitoring import Labels, Performance
from mlmon_dagster.pipeline.source import Rows, Source

TOGETHER = {"use": "correlation_shift", "columns": ["size", "prediction"], "threshold": 0.1}


def declared(metric: str) -> Performance:
    return Performance(metric, Labels(Source(None, Rows(key=("id",))), "paid"))  # type: ignore[arg-type]


def rows(count: int = 500) -> pa.Table:
    random = np.random.default_rng(3)
    size, noise = random.normal(50, 10, count), random.normal(0, 3, count)
    return pa.table(
        {
            "size": size,
            "city": random.choice(["Ulm", "Bonn"], count),
            "prediction": 2 * size + noise,
        }
    )


def test_it_carries_how_numbers_go_together_and_predictions_beside_late_labels() -> None:
    table = rows()
    labels = np.asarray(table["prediction"]) + np.random.default_rng(4).normal(0, 5, len(table))
    made = reference_profile(table, declared("mae"), table.append_column("label", pa.array(labels)).slice(400))
    kept = Profile.from_bytes(made.to_bytes())
    assert kept.covariance is not None
    assert kept.covariance.names == ("size", "prediction")
    assert kept.scores["prediction"].rows == 100
    error = np.abs(labels - np.asarray(table["prediction"]))[400:].mean()
    assert kept.scores["prediction"].performance()["mae"].value == pytest.approx(error, rel=1e-3)


def test_a_window_without_labels_is_counted_like_it(tmp_path: Path) -> None:
    table = rows()
    made = reference_profile(table, declared("mae"), table.append_column("label", table["prediction"]))
    pq.write_table(table, tmp_path / "week.parquet")
    write_profile(made, str(tmp_path / "year.profile"))
    places = [str(tmp_path / name) for name in ("year.profile", "week.parquet")]
    found = json.loads(CliRunner().invoke(group, ["profile", "diff", *places, "--json"]).output)
    assert {one["how"] for one in found["performance"]} == {"estimated"}


@pytest.mark.parametrize("classes", [(0, 1), (False, True), ("DOWN", "UP")])
def test_of_two_classes_the_probability_of_the_greater_stands_beside_the_labels(classes: tuple[Any, Any]) -> None:
    table, chance = rows(), np.random.default_rng(5).uniform(0, 1, 500)
    labels = [classes[int(up)] for up in np.random.default_rng(6).uniform(0, 1, 500) < chance]
    low, high = (str(int(one)) if not isinstance(one, str) else one for one in classes)
    labelled = table.append_column(f"probability.{low}", pa.array(1 - chance))
    labelled = labelled.append_column(f"probability.{high}", pa.array(chance)).append_column("label", pa.array(labels))
    (scores,) = reference_profile(table, declared("roc_auc"), labelled).scores.values()
    assert scores.axis.name == f"probability.{high}"
    assert scores.performance()["roc_auc"].value > 0.75


def test_without_two_numbers_or_probabilities_it_carries_no_such_part() -> None:
    table = rows().select(["city", "prediction"])
    labelled = table.append_column("label", pa.array(["a", "b", "c", "d", "e"] * 100))
    made = reference_profile(table, declared("accuracy"), labelled)
    assert made.covariance is None
    assert not made.scores


def test_a_monitor_declared_after_the_registration_is_judged_from_the_profile_alone(world: World) -> None:
    version = world.register()
    watched = world.declaring(together=TOGETHER)
    assert watched.register() == version
    (check,) = watched.judge(30, version).checks
    assert check.verdict == "ok"
    assert check.metrics["drift.joint.correlation_shift"] < 1e-6


def test_the_profile_gives_the_number_that_the_rows_give() -> None:
    table, monitor = rows(), parse_monitor("together", {**TOGETHER, "use": "pca_residual"})
    window = pa.table({"size": rows()["size"], "prediction": np.sort(np.asarray(rows()["prediction"]))})
    profile = Profile.of(table, covariance=True)
    values = {name: np.asarray(one) for name, one in zip(table.column_names, table.columns, strict=True)}
    learned = monitor.method.learn({"size": values["size"], "prediction": values["prediction"]})
    measured = monitor.method.measure(learned, {name: np.asarray(window[name]) for name in ("size", "prediction")})
    judged = judge_covariances(profile, profile.counted(window.append_column("city", table["city"])), monitor).drift
    assert judged.value == pytest.approx(measured.value, rel=1e-6)


def without_parts(world: World, version: int, files: dict[str, bytes]) -> int:
    """The version as an earlier release registered it: a profile of columns alone, and what monitors learned beside."""
    registry = world.ports.registry
    known = registry.version("flats", version)
    profile = Profile.from_bytes(registry.profile(known))
    plain = Profile(profile.columns, profile.rows, Parts()).to_bytes()
    example = registry.example(known)
    return registry.register(
        registry.native(known), name="flats", example=example, profile=plain, facts={}, files=files
    ).number


def test_versions_of_before_are_judged_by_what_was_learned_then_or_say_that_it_is_missing(world: World) -> None:
    version = world.register()
    watched = world.declaring(together={**TOGETHER, "columns": "all"}, cloud={"use": "mmd", "columns": ["size"]})
    table = pa.table({"size": np.random.default_rng(1).normal(50, 10, 400)})
    table = table.append_column("prediction", pa.array(np.asarray(table["size"]) * 2))
    plain = Profile.of(table)
    files = joint.learned_files(watched.declaring(together=TOGETHER).pipeline, table, ("size",), plain)
    assert set(files) == {"joint.together.zip"}
    known = without_parts(world, version, files)
    again = watched.declaring(together=TOGETHER, cloud=watched.monitors["cloud"])
    checks = {check.name: check for check in again.judge(31, known).checks}
    assert checks["together"].verdict == "ok"
    assert checks["cloud"].verdict == "error"
    bare = without_parts(world, version, {})
    (check,) = world.declaring(together=TOGETHER).judge(32, bare).checks
    assert check.verdict == "error"
    assert check.metrics == {}
    assert check.reason == (
        f"correlation_shift needs more of the reference than the profile of version {bare} carries, and it was "
        "registered without; run the model_registry stage again"
    )


def test_the_command_line_compares_with_the_profile_of_a_registered_version(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = world.register()
    monkeypatch.setenv("MLMON_HOME", str(world.ports.settings.home))
    random = np.random.default_rng(9)
    size = random.normal(50, 10, 300)
    pq.write_table(pa.table({"size": size, "prediction": random.permutation(2 * size)}), tmp_path / "week.parquet")
    place = f"models:/flats/{version}"

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(group, list(arguments), standalone_mode=False)

    window = ("--current", str(tmp_path / "week.parquet"))
    found = json.loads(run("drift", "--profile", place, *window, "--json").output)
    assert found["verdict"] == "ok"
    digest = json.loads(run("profile", "show", place, "--json").output)["digest"]
    assert found["reference"]["digest"] == digest
    diff = json.loads(run("profile", "diff", place, window[1], "--json").output)
    assert "correlation_shift" in {one["method"] for one in diff["measures"]}
    together = run("drift", "--profile", place, *window, "--method", "correlation_shift")
    assert together.return_value == 1
    assert "the columns together have drifted: correlation_shift" in together.output
    assert "known: none" in str(run("drift", "--profile", "models:/flats@prod", *window).exception)
    assert "known: " in str(run("drift", "--profile", "models:/flats/99", *window).exception)
    both = run("drift", "--profile", place, "--reference", "a.csv", *window).exception
    assert "give one of them" in str(both)
