"""Attributions by shap, and their drift."""

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import ndcg_score
from staged import stage_run

from mlmon_dagster.adapters.shap import attribution
from mlmon_dagster.assets.attribution import FILE, attribution_checks, attribution_files
from mlmon_dagster.drift.attribution import Attribution, attribution_drift
from mlmon_dagster.errors import DataError, InputError, MissingError
from mlmon_dagster.pipeline.monitoring import AttributionMonitor


def rows(count, seed=0, **scales):
    random = np.random.default_rng(seed)
    return pd.DataFrame({name: random.normal(0, scales.get(name, 1.0), count) for name in ("a", "b", "c")})


MODEL = LinearRegression().fit(rows(200), rows(200) @ [5.0, 2.0, 1.0])


def test_attributions_of_a_linear_model_are_its_weights_times_the_spread():
    background, asked = rows(50, 1), rows(400, 2)

    found = attribution(MODEL, background, asked).features

    expected = np.abs((asked - background.mean()) * [5.0, 2.0, 1.0]).mean()
    assert found == pytest.approx(expected.to_dict(), rel=1e-6)


def test_a_classifier_is_explained_by_its_probability_and_the_same_rows_give_the_same():
    frame = rows(300, 3)
    model = LogisticRegression().fit(frame, frame.a > 0)

    first, again = (attribution(model, frame.head(30), frame.tail(40)) for _ in range(2))

    assert first == again
    assert max(first.shares, key=first.shares.get) == "a"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), min_size=2, max_size=12))
def test_the_distance_is_one_less_scikit_learns_ndcg(pairs):
    worth, now = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    now = now + np.linspace(0, 0.5, len(now))  # no ties: scikit-learn averages over them
    names = [f"f{place}" for place in range(len(worth))]

    found = attribution_drift(*(Attribution(dict(zip(names, side, strict=True))) for side in (worth, now)))

    assert found.value == pytest.approx(1 - ndcg_score([worth], [now]), abs=1e-12)


def test_other_features_are_refused_and_a_constant_model_has_no_distance():
    with pytest.raises(DataError, match="no feature of the window called 'a'"):
        attribution_drift(Attribution({"a": 1.0}), Attribution({"b": 1.0}))
    assert attribution_drift(Attribution({"a": 0.0}), Attribution({"a": 0.0})).value == 0


def test_text_is_refused_and_a_missing_library_says_how_to_install_it(monkeypatch):
    with pytest.raises(InputError, match="city are not"):
        attribution(MODEL, pd.DataFrame({"city": ["Ulm"]}), pd.DataFrame({"city": ["Ulm"]}))
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(InputError, match="need shap") as caught:
        attribution(MODEL, rows(5), rows(5))
    assert caught.value.hint == "pip install 'mlmon_dagster[shap]'"


@dataclasses.dataclass(frozen=True)
class Registry:
    """One version's model, example and file."""

    content: bytes | None

    def file(self, version, name):
        if self.content is None:
            raise MissingError(f"version 1 has no {name}")
        return self.content

    def native(self, version):
        return MODEL

    def example(self, version):
        return rows(200, 4).head(50)


@dataclasses.dataclass(frozen=True)
class Version:
    number: int = 1
    inputs: tuple = ("a", "b", "c")


def judged(folder, frame, content):
    run = stage_run(folder, "model_monitoring", "2024-01-02")
    monitoring = dataclasses.replace(run.pipeline.stages.model_monitoring, attribution=AttributionMonitor(rows=60))
    stages = dataclasses.replace(run.pipeline.stages, model_monitoring=monitoring)
    run = dataclasses.replace(run, pipeline=dataclasses.replace(run.pipeline, stages=stages))
    files = attribution_files(run.pipeline, MODEL, rows(200, 4))
    registry = Registry(files[FILE] if content else None)
    (check,) = attribution_checks(run, SimpleNamespace(registry=registry), Version(), pa.Table.from_pandas(frame))
    return check


def test_a_window_is_judged_by_what_its_predictions_lean_on(tmp_path):
    usual = judged(tmp_path, rows(100, 5), content=True)
    moved = judged(tmp_path, rows(100, 5, a=0.01, c=20.0), content=True)

    assert (usual.name, usual.verdict) == ("attribution_drift", "ok")
    assert usual.metrics["drift.attribution"] == 0
    assert sum(usual.metrics[f"attribution.{name}"] for name in "abc") == pytest.approx(1)
    assert moved.verdict == "drift"
    assert "leans on other features" in moved.reason


def test_thin_windows_and_versions_without_attributions_are_never_green(tmp_path):
    assert judged(tmp_path, rows(10, 5), content=True).verdict == "insufficient"
    assert judged(tmp_path, rows(0, 5), content=True).verdict == "no_data"
    assert judged(tmp_path, rows(50, 5), content=False).verdict == "error"
