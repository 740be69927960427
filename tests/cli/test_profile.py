"""`mlmon profile` as a person and as a program meet it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from mlmon_dagster.cli import group


def rows(path: Path, count: int, seed: int, shift: float = 0.0) -> str:
    random = np.random.default_rng(seed)
    values = {"price": random.normal(100 + shift, 10, count), "city": random.choice(["Ulm", "Bonn"], count)}
    pq.write_table(pa.table(values), path)
    return str(path)


def profile(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["profile", *arguments], standalone_mode=False)


def answer(*arguments: str) -> dict:
    result = profile(*arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.output)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    result = profile("build", rows(tmp_path / "a.parquet", 20_000, 1), "--out", "a.profile")
    assert result.output.startswith("a.profile: 20,000 rows, 2 columns, ")
    return "a.profile"


def test_a_profile_is_shown(made: str) -> None:
    table = profile("show", made).output
    assert "20,000 rows" in table
    assert "bins" in table
    assert "every value" in table
    shown = answer("show", made)
    assert (shown["rows"], shown["exact"]) == (20_000, False)
    assert [column["name"] for column in shown["columns"]] == ["price", "city"]
    assert shown["columns"][0]["mean"] == pytest.approx(100, abs=1)


def test_windows_counted_like_the_reference_add_up(made: str, tmp_path: Path) -> None:
    for name, seed in (("b", 2), ("c", 3)):
        file = rows(tmp_path / f"{name}.parquet", 500, seed)
        assert profile("build", file, "--like", made, "--out", f"{name}.profile").return_value == 0
    one = answer("merge", "b.profile", "c.profile", "--out", "bc.profile")
    other = answer("merge", "c.profile", "b.profile", "--out", "cb.profile")
    assert one["rows"] == 1_000
    assert one["digest"] == other["digest"]
    assert Path("bc.profile").read_bytes() == Path("cb.profile").read_bytes()


def test_a_difference_is_measured_from_rows_and_from_a_profile_alike(made: str, tmp_path: Path) -> None:
    file = rows(tmp_path / "d.parquet", 4_000, 4, shift=5)
    profile("build", file, "--like", made, "--out", "d.profile")
    from_rows, from_profile = answer("diff", made, file), answer("diff", made, "d.profile")
    assert from_rows["measures"] == from_profile["measures"]
    ks = next(one for one in from_rows["measures"] if (one["column"], one["method"]) == ("price", "ks"))
    assert 0.15 < ks["low"] <= ks["value"] <= ks["high"] < 0.25
    assert ks["certainty"].startswith("bounded [")
    assert (ks["unit"], ks["version"]) == ("difference of cumulative shares", 1)
    table = profile("diff", made, file, "--method", "ks").output
    assert "20,000 reference rows, 4,000 in the window" in table
    assert "psi" not in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "none.profile"), "there is no profile none.profile"),
        (("show", "a.parquet"), "this is not a reference profile"),
        (("build", "none.parquet", "--out", "x"), "there is no file none.parquet"),
        (("build", "a.parquet", "--out", "no/x"), "cannot be written"),
        (("build", "a.parquet", "--out", "x", "--columns", "prize"), "no column in a.parquet called 'prize'"),
        (("build", "a.parquet", "--out", "x", "--like", "a.profile", "--exact"), "exclude each other"),
        (("diff", "a.profile", "a.parquet", "--method", "kss"), "did you mean ks"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(made: str, arguments: tuple[str, ...], said: str) -> None:
    assert said in str(profile(*arguments).exception)


def linked(path: Path, seed: int, link: float, rows: int = 2_000) -> str:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, rows))
    pq.write_table(pa.table({"x": x, "y": link * x + (1 - link**2) ** 0.5 * y}), path)
    return str(path)


def test_a_covariance_is_kept_shown_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, now = linked(tmp_path / "a.parquet", 1, 0.8), linked(tmp_path / "b.parquet", 2, 0.1)
    assert profile("build", before, "--covariance", "--out", "a.profile").return_value == 0
    assert profile("build", now, "--like", "a.profile", "--out", "b.profile").return_value == 0
    assert "strongest correlations" in profile("show", "a.profile").output
    (pair,) = answer("show", "a.profile")["covariance"]
    assert (pair["columns"], pair["rows"]) == (["x", "y"], 2_000)
    assert pair["correlation"] == pytest.approx(0.8, abs=0.03)
    rows = answer("diff", "a.profile", "b.profile")["measures"]
    measured = {row["method"]: row for row in rows if row["column"] == "joint"}
    assert measured["correlation_shift"]["value"] == pytest.approx(0.7, abs=0.06)
    assert set(measured) == {"correlation_shift", "pca_residual"}


def test_a_profile_without_a_covariance_says_so(made: str) -> None:
    assert "covariance: not kept" in profile("show", made).output
    assert answer("show", made)["covariance"] is None
    error = profile("diff", made, made, "--method", "correlation_shift").exception
    assert "keeps no covariance" in str(error)
    assert "--covariance" in str(error.hint)  # type: ignore[union-attr]


def test_drift_of_correlations_is_found_from_profiles_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, now = linked(tmp_path / "a.parquet", 1, 0.8), linked(tmp_path / "b.parquet", 2, 0.1)
    profile("build", before, "--covariance", "--out", "a.profile")
    profile("build", now, "--like", "a.profile", "--out", "b.profile")

    def drift(*places: str) -> Result:
        arguments = [
            "drift",
            "--reference",
            places[0],
            "--current",
            places[1],
            "--method",
            "correlation_shift",
            "--json",
        ]
        return CliRunner().invoke(group, arguments, standalone_mode=False)

    answers = [drift("a.profile", "b.profile"), drift(before, now), drift("a.profile", now)]
    assert {result.return_value for result in answers} == {1}
    columns = [json.loads(result.output)["columns"] for result in answers]
    assert columns[0] == columns[1] == columns[2]
    assert columns[0][0]["reason"].startswith("the columns together have drifted: correlation_shift 0.")


def scored(path: Path, seed: int, *, labels: bool = True) -> str:
    random = np.random.default_rng(seed)
    score = random.random(3_000)
    label = (random.random(3_000) < score).astype(float)
    pq.write_table(pa.table({"score": score, "bought": label if labels else np.full(3_000, np.nan)}), path)
    return str(path)


def test_scores_beside_labels_are_kept_shown_and_their_performance_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = scored(tmp_path / "a.parquet", 1)
    assert profile("build", before, "--scores", "score=bought", "--out", "a.profile").return_value == 0
    assert "score beside bought (classes 0.0, 1.0): 3,000 rows with both" in profile("show", "a.profile").output
    (shown,) = answer("show", "a.profile")["scores"]
    assert shown["performance"]["roc_auc"]["value"] == pytest.approx(0.83, abs=0.03)
    for file, how in (
        (scored(tmp_path / "b.parquet", 2), "measured"),
        (scored(tmp_path / "c.parquet", 3, labels=False), "estimated"),
    ):
        (auc,) = (one for one in answer("diff", "a.profile", file)["performance"] if one["metric"] == "roc_auc")
        assert auc["how"] == how
        assert auc["low"] <= 0.84
        assert auc["high"] >= 0.82
    assert "performance" in profile("diff", "a.profile", "b.parquet").output


def test_scores_that_name_no_label_are_bad_usage(made: str) -> None:
    error = profile("build", "a.parquet", "--scores", "price", "--out", "b.profile").exception
    assert "expected SCORE=LABEL" in str(error)
    assert "scores with labels: not kept" in profile("show", made).output
