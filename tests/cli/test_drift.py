"""`mlmon drift` as a person and as a program meet it."""

import io
import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from mlmon_dagster.cli import group
from mlmon_dagster.cli._sparkline import sparkline

COLUMNS = ["column", "segment", "method", "value", "p_value", "threshold", "verdict", "reason"]
COLUMNS += ["unit", "certainty", "effect", "effective_rows", "version"]


def rows(path: Path, count: int, seed: int, shift: float = 0.0) -> str:
    random = np.random.default_rng(seed)
    lines = ["price,city,sold", *(
        f"{value:.3f},{city},2026-01-{day:02}"
        for value, city, day in zip(
            random.normal(100 + shift, 10, count), random.choice(["Ulm", "Bonn"], count), random.integers(1, 28, count),
            strict=True,
        )
    )]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return rows(tmp_path / "reference.csv", 600, 1)


@pytest.fixture
def shifted(tmp_path: Path) -> str:
    return rows(tmp_path / "shifted.csv", 400, 2, shift=12.0)


def drift(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["drift", *arguments], standalone_mode=False)


def answer(*arguments: str) -> dict:
    return json.loads(drift(*arguments, "--json").output)


def test_drift_is_told_by_column_and_ends_with_1(reference: str, shifted: str) -> None:
    result = drift("--reference", reference, "--current", shifted)

    assert (result.return_value, result.exception) == (1, None)
    assert "600 reference rows, 400 in the window" in result.output
    assert "price has drifted: ks 0.4" in result.output
    assert "drift in 1 of 3 columns: price" in result.output


def test_no_drift_ends_with_0(reference: str, tmp_path: Path) -> None:
    result = drift("--reference", reference, "--current", rows(tmp_path / "calm.csv", 400, 3))

    assert result.return_value == 0
    assert result.output.endswith("no drift\n")


def test_values_that_have_gone_missing_are_drift_though_the_others_are_as_ever(reference: str, tmp_path: Path) -> None:
    lines = Path(rows(tmp_path / "holes.csv", 400, 3)).read_text().splitlines()
    holes = [line if place % 3 else "," + line.partition(",")[2] for place, line in enumerate(lines, 1)]
    (tmp_path / "holes.csv").write_text("\n".join([lines[0], *holes[1:]]) + "\n")

    found = answer("--reference", reference, "--current", str(tmp_path / "holes.csv"))
    price = [(one["method"], one["verdict"]) for one in found["columns"] if one["column"] == "price"]
    assert price == [("ks", "ok"), ("missing", "drift")]
    assert (found["drifted"], found["verdict"]) == (["price"], "drift")
    alone = answer("--reference", reference, "--current", str(tmp_path / "holes.csv"), "--method", "ks")
    assert alone["verdict"] == "ok"


def test_the_document_has_the_documented_shape_and_scipys_numbers(reference: str, shifted: str) -> None:
    found = answer("--reference", reference, "--current", shifted)

    assert list(found) == ["reference", "window", "columns", "drifted", "verdict"]
    assert list(found["reference"]) == list(found["window"]) == ["path", "rows", "digest", "engine"]
    assert [list(column) for column in found["columns"]] == [COLUMNS] * 3
    assert (found["drifted"], found["verdict"]) == (["price"], "drift")
    before, now = (np.loadtxt(path, delimiter=",", skiprows=1, usecols=0) for path in (reference, shifted))
    assert found["columns"][0]["value"] == pytest.approx(stats.ks_2samp(before, now).statistic, abs=1e-12)


def test_the_same_rows_have_the_same_digest_and_others_another(reference: str, shifted: str) -> None:
    same, other = answer("--reference", reference, "--current", reference), answer(
        "--reference", reference, "--current", shifted
    )  # fmt: skip
    assert same["reference"]["digest"] == same["window"]["digest"] == other["reference"]["digest"]
    assert other["window"]["digest"] != same["window"]["digest"]


def test_method_columns_and_threshold_are_the_callers(reference: str, shifted: str) -> None:
    found = answer("--reference", reference, "--current", shifted, "--method", "psi", "--columns", "price, city")
    assert [(column["column"], column["method"], column["threshold"]) for column in found["columns"]] == [
        ("price", "psi", 0.2), ("city", "psi", 0.2),
    ]  # fmt: skip
    calm = answer("--reference", reference, "--current", shifted, "--method", "psi", "--threshold", "9")
    assert (calm["verdict"], calm["columns"][0]["threshold"]) == ("ok", 9.0)


def test_another_librarys_numbers_are_given_on_request(reference: str, shifted: str) -> None:
    found = answer("--reference", reference, "--current", shifted, "--compatible", "scipy", "--columns", "price")
    sides = [np.loadtxt(path, delimiter=",", skiprows=1, usecols=0) for path in (reference, shifted)]
    assert found["columns"][0]["method"] == "scipy_ks"
    assert found["columns"][0]["value"] == pytest.approx(stats.ks_2samp(*sides).statistic)
    assert found["verdict"] == "drift"


@pytest.mark.parametrize(("count", "verdict"), [(0, "no_data"), (12, "insufficient")])
def test_an_empty_and_a_thin_window_are_said_to_be_so_and_end_with_1(
    reference: str, tmp_path: Path, count: int, verdict: str
) -> None:
    window = rows(tmp_path / "thin.csv", count, 4)
    assert answer("--reference", reference, "--current", window)["verdict"] == verdict
    result = drift("--reference", reference, "--current", window)
    assert (result.return_value, f"{verdict}: the window cannot be judged" in result.output) == (1, True)


def test_a_column_that_vanished_is_an_error_and_never_left_out(reference: str, tmp_path: Path) -> None:
    window = tmp_path / "less.csv"
    window.write_text("city,sold,extra\n" + "Ulm,2026-01-05,1\n" * 40)
    result = drift("--reference", reference, "--current", str(window))

    assert result.return_value == 2
    assert "the window has no column 'price'" in result.output
    assert "only in the window, not compared: extra" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "kss"), "--method: there is no method called 'kss'; did you mean ks? (known: auto,"),
        (("--columns", "prise"), "there is no column of the reference called 'prise'; did you mean price?"),
        (("--columns", ","), "--columns names no column (known: price, city, sold)"),
        (("--threshold", "-1"), "--threshold: "),
        (("--compatible", "alibi", "--method", "psi"), "--compatible: there is no method of alibi called 'psi'"),
        (("--compatible", "evidentli"), "--compatible: Input should be 'alibi', 'evidently', "),
    ],
)
def test_what_is_unknown_is_answered_with_what_is_known(
    reference: str, shifted: str, arguments: tuple[str, ...], said: str
) -> None:
    result = drift("--reference", reference, "--current", shifted, *arguments)
    assert said in str(result.exception)


def test_an_empty_reference_is_an_error_and_never_0(tmp_path: Path, shifted: str) -> None:
    empty = rows(tmp_path / "none.csv", 0, 1)
    result = drift("--reference", empty, "--current", shifted)
    assert "the reference is empty" in str(result.exception)


def test_a_report_is_a_page_of_its_own(reference: str, shifted: str, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    result = drift("--reference", reference, "--current", shifted, "--report", str(report))

    assert f"report: {report}" in result.output
    assert "Drift in 1 of 3 columns: price" in report.read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["reference.csv", "report.html", "shifted.csv"]


def test_evidentlys_report_is_written_on_request(reference: str, shifted: str, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    result = drift("--reference", reference, "--current", shifted, "--report", str(report), "--report-by", "evidently")

    assert (result.exception, result.return_value) == (None, 1)
    assert "root_metric_" in report.read_text()


@pytest.mark.parametrize(
    ("fail_on", "codes"),
    [("any", {"ok": 0, "drift": 1, "thin": 1, "broken": 2}), ("drift", {"ok": 0, "drift": 1, "thin": 0, "broken": 2}),
     ("never", {"ok": 0, "drift": 0, "thin": 0, "broken": 0})],
)  # fmt: skip
def test_what_fails_a_build_is_the_callers_choice(
    reference: str, shifted: str, tmp_path: Path, fail_on: str, codes: dict[str, int]
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("city,sold\n" + "Ulm,2026-01-05\n" * 40)
    windows = {"ok": reference, "drift": shifted, "thin": rows(tmp_path / "thin.csv", 12, 4), "broken": str(broken)}
    found = {
        name: drift("--reference", reference, "--current", path, "--fail-on", fail_on).return_value
        for name, path in windows.items()
    }
    assert found == codes


def test_rows_may_come_from_standard_input_and_a_database(reference: str, shifted: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "sales.db") as connection:
        connection.execute("create table sales (price real, city text, sold text)")
        lines = [line.split(",") for line in Path(reference).read_text().splitlines()[1:]]
        connection.executemany("insert into sales values (?, ?, ?)", lines)
    result = CliRunner().invoke(
        group,
        ["drift", "--reference", "sqlite:///sales.db", "--reference-query", "select price, city from sales",
         "--current", "-", "--json"],
        input=Path(shifted).read_bytes(),
        standalone_mode=False,
    )  # fmt: skip
    found = json.loads(result.output)
    assert (found["drifted"], found["reference"]["rows"], found["window"]["path"]) == (["price"], 600, "-")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "Missing option '--reference'."), (("--reference", "a.csv"), "Missing option '--current'."),
     (("--reference", "-", "--current", "-"), "only one of --reference and --current can be standard input")],
)  # fmt: skip
def test_what_is_not_said_is_asked_for(arguments: tuple[str, ...], said: str) -> None:
    assert said in str(drift(*arguments).exception)


def test_each_column_is_drawn_beside_its_reference(reference: str, shifted: str) -> None:
    lines = drift("--reference", reference, "--current", shifted).output.splitlines()
    price = next(line for line in lines if line.startswith("price "))
    assert sum(sign in "▁▂▃▄▅▆▇█" for sign in price) == 24


@pytest.mark.parametrize(("encoding", "drawn"), [("utf-8", "▁▂█"), ("ascii", "_.#")])
def test_a_terminal_without_blocks_gets_plain_signs(encoding: str, drawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert sparkline([0.0, 0.001, 0.5], 0.5) == drawn


def test_a_report_that_cannot_be_written_is_told(reference: str, shifted: str, tmp_path: Path) -> None:
    result = drift("--reference", reference, "--current", shifted, "--report", str(tmp_path / "no" / "report.html"))
    assert "the report cannot be written" in str(result.exception)


def test_a_method_over_several_columns_gives_one_verdict(reference: str, shifted: str) -> None:
    found = answer("--reference", reference, "--current", shifted, "--method", "domain_classifier")
    (verdict,) = found["columns"]
    assert (verdict["column"], verdict["method"], verdict["verdict"]) == ("joint", "domain_classifier", "drift")
    assert "most in price" in verdict["reason"]


def in_cities(path: Path, seed: int, moved: float = 0.0) -> str:
    random = np.random.default_rng(seed)
    city = random.choice(["Ulm", "Bonn", "Kiel", "Köln"], 4_000)
    price = random.normal(100, 10, 4_000) + np.where(city == "Ulm", moved, 0.0)
    pq.write_table(pa.table({"city": city, "price": price}), path)
    return str(path)


def test_a_segment_is_compared_with_itself_beside_all_rows(tmp_path: Path) -> None:
    before, now = in_cities(tmp_path / "a.parquet", 1), in_cities(tmp_path / "b.parquet", 2, moved=8.0)
    arguments = ["drift", "--reference", before, "--current", now, "--columns", "price"]
    whole = CliRunner().invoke(group, [*arguments, "--json"], standalone_mode=False)
    assert (whole.return_value, json.loads(whole.output)["columns"][0]["segment"]) == (0, None)
    page = tmp_path / "drift.html"
    segment = ["--segment", "ulm=city = 'Ulm'", "--segment", "kiel=city = 'Kiel'"]
    found = CliRunner().invoke(group, [*arguments, *segment, "--report", str(page), "--json"], standalone_mode=False)
    answer = json.loads(found.output)
    assert found.return_value == 1
    assert answer["drifted"] == ["price in ulm"]
    assert [row["segment"] for row in answer["columns"]] == [None, "ulm", "kiel"]
    assert answer["columns"][1]["reason"].startswith("in ulm, price has drifted: ks 0.")
    assert "price in ulm" in page.read_text()
    shown = CliRunner().invoke(group, [*arguments, *segment], standalone_mode=False).output
    assert "drift in 1 of 3 columns: price in ulm" in shown


def test_the_segment_nobody_declared_is_searched_for(tmp_path: Path) -> None:
    before, now = in_cities(tmp_path / "a.parquet", 1), in_cities(tmp_path / "b.parquet", 2, moved=8.0)
    arguments = ["drift", "--reference", before, "--current", now, "--method", "segment_drift"]
    found = CliRunner().invoke(group, [*arguments, "--json"], standalone_mode=False)
    assert found.return_value == 1
    assert "most in price where city is 'Ulm'" in json.loads(found.output)["columns"][0]["reason"]


@pytest.mark.parametrize(
    ("segment", "said"),
    [("ulm=weight > 1", "it may use: city, price"), ("ulm", "has no condition"), ("ulm=price >", "cannot be computed")],
)
def test_a_segment_that_is_none_is_bad_input(segment: str, said: str, tmp_path: Path) -> None:
    file = in_cities(tmp_path / "a.parquet", 1)
    result = CliRunner().invoke(
        group, ["drift", "--reference", file, "--current", file, "--segment", segment], standalone_mode=False
    )
    assert result.exception is not None
    assert said in f"{result.exception}{getattr(result.exception, 'hint', '')}"


def test_a_librarys_numbers_come_from_exact_profiles_and_are_refused_from_bins_with_what_to_do(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    files = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for file, shift in zip(files, (0.0, 1.0), strict=True):
        pq.write_table(pa.table({"price": random.normal(shift, 1, 11_000)}), file)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(group, [*arguments], standalone_mode=False)

    for kept, options in (("exact", ["--exact"]), ("bins", [])):
        run("profile", "build", files[0], *options, "--out", str(tmp_path / f"{kept}.profile"))
    compatible = ["--current", files[1], "--compatible", "evidently", "--json"]
    exact, rows, bins = (
        json.loads(run("drift", "--reference", place, *compatible).output)["columns"][0]
        for place in (str(tmp_path / "exact.profile"), files[0], str(tmp_path / "bins.profile"))
    )
    assert exact == rows
    assert exact["method"] == "evidently_wasserstein"
    assert bins["verdict"] == "error"
    assert "profile build --exact" in bins["reason"]
    assert "leave --engine out" in str(run("drift", "--reference", files[0], *compatible, "--engine", "auto").exception)
