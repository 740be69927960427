"""Joint monitors: parsed like others, judged like one column, and NannyML's number."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapes
from pydantic import ValidationError

from mlmon_dagster.drift.boosting import fit
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.multivariate.encoding import BINS, Encoder
from mlmon_dagster.drift.multivariate.joint import Learned
from mlmon_dagster.drift.multivariate.judging import chosen, is_joint, judge_joint
from mlmon_dagster.drift.multivariate.methods.pca_reconstruction import PcaReconstruction
from mlmon_dagster.errors import DataError

RECORDED = json.loads((Path(__file__).parents[1] / "compatible" / "nannyml.json").read_text())["reconstruction"]
TABLES = shapes.tables()


@pytest.mark.parametrize("shape", TABLES)
def test_the_reconstruction_error_is_nannymls(shape):
    reference, window = TABLES[shape]
    method = PcaReconstruction()
    learned = method.learn(reference)

    found = method.measure(learned, window).numbers

    assert float(learned.about["mean"]) == pytest.approx(RECORDED[shape]["reference"], rel=1e-9)
    assert found["reconstruction_error"] == pytest.approx(RECORDED[shape]["window"], rel=1e-9)
    assert found["reconstruction_error.error"] == pytest.approx(RECORDED[shape]["sampling_error"], rel=1e-9)


def judged(reference, window, **fields):
    monitor = parse_monitor("together", {"use": "domain_classifier", "columns": "all", **fields})
    learned = monitor.method.learn(reference)
    return judge_joint(Learned({"rows": 3000, **learned.about}, learned.arrays), window, monitor)


def test_a_joint_monitor_is_judged_like_one_column():
    found = judged(*TABLES["correlation"])

    assert (found.drift.verdict, found.drift.column, found.drift.method) == ("drift", "joint", "domain_classifier")
    assert found.drift.reason.startswith("the columns together have drifted: domain_classifier 0.")
    assert "most in sum" in found.drift.reason
    assert 0.5 < found.numbers["domain_classifier.auc"] < 1
    assert judged(*TABLES["same"]).drift.verdict == "ok"


def test_windows_without_rows_thin_ones_and_other_ones_are_never_green():
    reference, window = TABLES["same"]

    def cut(rows):
        return {name: values[:rows] for name, values in window.items()}

    assert judged(reference, cut(0)).drift.verdict == "no_data"
    assert judged(reference, cut(20)).drift.verdict == "insufficient"
    other = {**window, "base": np.array(["text"] * len(window["base"]), dtype=object)}
    monitor = parse_monitor("m", {"use": "mmd", "columns": "all"})
    found = judge_joint(monitor.method.learn(reference), other, monitor)
    assert (found.drift.verdict, found.drift.value) == ("error", None)
    assert "base holds numbers in the reference" in found.drift.reason


def test_columns_are_chosen_by_name_or_all():
    table = {"a": np.zeros(3), "b": np.ones(3)}
    one = parse_monitor("m", {"use": "mmd", "columns": ["b"]})

    assert list(chosen(one, table, ("a", "b"))) == ["b"]
    assert list(chosen(parse_monitor("m", {"use": "mmd", "columns": "all"}), table, ("a",))) == ["a"]
    with pytest.raises(DataError, match="did you mean"):
        chosen(parse_monitor("m", {"use": "mmd", "columns": ["bb"]}), {"bbb": np.zeros(3)}, ())
    assert is_joint(one)
    assert not is_joint(parse_monitor("m", {"use": "ks", "columns": "all"}))


def test_parameters_are_read_like_those_of_other_methods():
    monitor = parse_monitor("pca_reconstruction", {"columns": "all", "explained": 0.8, "threshold": 0.2})

    assert (monitor.method.explained, monitor.threshold) == (0.8, 0.2)
    with pytest.raises(ValidationError, match="less than 1"):
        parse_monitor("m", {"use": "pca_reconstruction", "columns": "all", "explained": 1.5})


def test_trees_learn_what_takes_two_columns_to_see():
    random = np.random.default_rng(2)
    columns = {name: random.normal(size=4000) for name in ("a", "b", "c")}
    target = ((columns["a"] > 0) == (columns["b"] > 0)).astype(float)
    codes = Encoder.of(columns).codes(columns)

    trees = fit(codes, target, "logistic")

    assert ((trees.scores(codes) > 0) == (target == 1)).mean() > 0.95
    assert codes.max() < BINS
    squares = fit(codes, 5 + 2 * target, "squares")
    assert np.abs(squares.scores(codes) - 5 - 2 * target).mean() < 0.25
