"""Compiled forms against scikit-learn: the same predictions, also at thresholds and with missing values."""

import json
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlmon_dagster.adapters.compiled import compiling, graph
from mlmon_dagster.adapters.compiled.compiling import TOLERANCE, compile_model, difference_of
from mlmon_dagster.adapters.compiled.forest import float64_thresholds
from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.compiled.order import Order
from mlmon_dagster.adapters.compiled.runtime import ORDERED_ROWS, CompiledModel
from mlmon_dagster.errors import DataError

ROWS = 400
random = np.random.default_rng(0)
X = np.c_[random.integers(1, 6, ROWS), random.normal(2000, 500, ROWS), random.uniform(0, 50, ROWS)].astype(float)
PRICE = X[:, 1] * 300 + X[:, 0] * 1e4 - X[:, 2] * 1000 + random.normal(0, 2e4, ROWS)
GAPS = np.where(random.random(X.shape) < 0.1, np.nan, X)
BINARY = (np.median(PRICE) < PRICE).astype(int)
LABEL = np.array(["cheap", "fair", "dear"])[np.digitize(PRICE, np.quantile(PRICE, [0.3, 0.7]))]

TREES = {
    "forest": (RandomForestRegressor(10, random_state=0), X, PRICE),
    "forest with gaps": (RandomForestRegressor(10, random_state=0), GAPS, PRICE),
    "extra trees": (ExtraTreesRegressor(5, random_state=0), X, PRICE),
    "tree": (DecisionTreeRegressor(random_state=0), X, PRICE),
    "boosting": (GradientBoostingRegressor(n_estimators=20, random_state=0), X, PRICE),
    "boosting by stumps without a split": (GradientBoostingRegressor(n_estimators=2, min_samples_leaf=390), X, PRICE),
    "histogram boosting": (HistGradientBoostingRegressor(max_iter=20), X, PRICE),
    "histogram boosting with gaps": (HistGradientBoostingRegressor(max_iter=20), GAPS, PRICE),
    "histogram boosting of counts": (HistGradientBoostingRegressor(max_iter=20, loss="poisson"), X, abs(PRICE)),
    "histogram classes": (HistGradientBoostingClassifier(max_iter=20), GAPS, BINARY),
    "histogram labels": (HistGradientBoostingClassifier(max_iter=5), X, LABEL),
    "forest of classes": (RandomForestClassifier(11, random_state=0), X, BINARY),
    "forest of labels": (RandomForestClassifier(10, max_depth=4, random_state=0), X, LABEL),
    "boosting of classes": (GradientBoostingClassifier(n_estimators=10), X, BINARY == 1),
    "tree of labels": (DecisionTreeClassifier(max_depth=3), X, LABEL),
    "imputer and forest": (make_pipeline(SimpleImputer(strategy="median"), RandomForestRegressor(5)), GAPS, PRICE),
}
LINEAR = {
    "linear": (LinearRegression(), X, PRICE),
    "scaled ridge": (make_pipeline(StandardScaler(), Ridge()), X, PRICE),
    "imputed": (make_pipeline(SimpleImputer(), MinMaxScaler(), Ridge()), GAPS, PRICE),
    "classes": (make_pipeline(StandardScaler(), LogisticRegression()), X, BINARY == 1),
    "labels": (make_pipeline(StandardScaler(), LogisticRegression()), X, LABEL),
    "counts": (make_pipeline(StandardScaler(), PoissonRegressor()), X, BINARY),
}


def _compile(model, rows, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, target)
    return compile_model(model, model.predict, rows)


@pytest.mark.parametrize("name", [*TREES, *LINEAR])
def test_the_compiled_form_gives_the_predictions_of_scikit_learn(name):
    model, rows, target = (TREES | LINEAR)[name]
    form, content = _compile(model, rows, target)
    assert (form.kind, form.reason) == ("trees" if name in TREES else "linear", "")
    compiled = CompiledModel(form, 3, content)
    fresh = np.random.default_rng(1).normal(X.mean(0), 2 * X.std(0), (500, 3))
    if form.missing:
        fresh[np.random.default_rng(2).random(fresh.shape) < 0.2] = np.nan
    assert difference_of(model.predict(fresh), compiled.rows(fresh)) <= TOLERANCE
    assert [compiled.row(row) for row in fresh.tolist()] == compiled.rows(fresh).tolist()
    assert form.rows >= ROWS


@pytest.mark.parametrize("name", ["boosting", "linear"])
def test_missing_values_are_refused_where_the_model_refuses_them(name):
    form, content = _compile(*(TREES | LINEAR)[name])
    compiled = CompiledModel(form, 3, content)
    for ask in (lambda: compiled.row([1.0, float("nan"), 1.0]), lambda: compiled.rows(np.array([[1.0, np.nan, 1.0]]))):
        with pytest.raises(ValueError, match="takes no missing values"):
            ask()


@pytest.mark.parametrize(
    ("model", "kind", "reason"),
    [
        (AdaBoostRegressor(n_estimators=3), "array", "AdaBoostRegressor has no compiled form"),
        (HistGradientBoostingRegressor(max_iter=3, categorical_features=[0]), "array", "splits on categories"),
        (make_pipeline(PolynomialFeatures(), Ridge()), "array", "its step PolynomialFeatures has no compiled form"),
        (GradientBoostingRegressor(init=LinearRegression(), n_estimators=2), "array", "begins with the predictions"),
    ],
)
def test_what_is_not_understood_is_served_as_it_is(model, kind, reason):
    form, content = _compile(model, X, PRICE)
    assert (form.kind, content) == (kind, None)
    assert reason in form.reason


def test_a_model_that_needs_a_frame_is_given_one():
    class NeedsNames:
        def predict(self, frame):
            return np.asarray(frame["sqft"])

    form, _ = compile_model(NeedsNames(), lambda rows: rows[:, 1], X)
    assert form.kind == "frame"
    assert compile_model(NeedsNames(), lambda rows: rows[:, 1], None)[0].kind == "frame"


@pytest.mark.parametrize("wrong", ["missing", "threshold", "value"])
def test_a_wrong_conversion_is_never_used(monkeypatch, wrong):
    joined = graph._joined

    def broken(tree):
        part = joined(tree)
        if wrong == "missing":
            part["missing"] = 1 - part["missing"]
        elif wrong == "threshold":
            part["thresholds"] = np.nextafter(part["thresholds"], np.inf)
        else:
            part["weights"] = part["weights"] * (1 + 1e-11)
        return part

    monkeypatch.setattr(graph, "_joined", broken)
    form, content = _compile(HistGradientBoostingRegressor(max_iter=20), GAPS, PRICE)
    assert (form.kind, content) == ("array", None)
    assert "differs by" in form.reason


def test_trees_in_groups_give_the_same_sums(monkeypatch):
    monkeypatch.setattr(graph, "GROUP_NODES", 500)
    model = RandomForestRegressor(10, random_state=0)
    form, content = _compile(model, X, PRICE)
    assert form.kind == "trees"
    assert content.count(b"TreeEnsemble") > 3


@pytest.mark.parametrize("name", ["forest with gaps", "forest of labels", "imputer and forest"])
def test_a_batch_that_is_put_in_order_gives_what_each_row_gives_alone(name, monkeypatch):
    monkeypatch.setattr(compiling, "ORDERED_NODES", 0)
    form, content = _compile(*TREES[name])
    assert form.splits
    compiled = CompiledModel(form, 3, content)
    batch = np.concatenate([GAPS, X, GAPS[::-1], np.full((1, 3), np.nan)])
    assert len(batch) > ORDERED_ROWS
    assert compiled.rows(batch).tolist() == [compiled.row(row) for row in batch.tolist()]


def test_rows_that_take_the_same_way_are_neighbours():
    form, _ = _compile(*TREES["forest"])
    order = Order(form.splits).of(np.concatenate([X, X]))
    assert sorted(order.tolist()) == list(range(2 * ROWS))
    places = np.argsort(order)
    assert np.abs(places[:ROWS] - places[ROWS:]).max() < 0.2 * ROWS
    assert np.median(np.abs(places[:ROWS] - places[ROWS:])) < 10


def test_few_small_trees_are_not_worth_an_order():
    assert _compile(*TREES["boosting"])[0].splits == ()


def test_a_form_of_the_first_format_is_read_without_an_order(tmp_path):
    form, content = _compile(*TREES["forest"])
    form.write(tmp_path, content)
    file = tmp_path / "compiled" / "form.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({name: one for name, one in told.items() if name != "splits"} | {"format": 1}))
    assert Form.read(tmp_path) == replace(form, splits=())


def test_a_forest_too_large_is_served_as_it_is(monkeypatch):
    monkeypatch.setattr(compiling, "MOST_NODES", 100)
    assert "nodes" in _compile(RandomForestRegressor(5), X, PRICE)[0].reason


def test_thresholds_for_float64_split_as_float32_does():
    chance = np.random.default_rng(3)
    thresholds = np.concatenate([chance.normal(size=500) * 10.0 ** chance.integers(-30, 30, 500), [0.0, 1.0, -1.0]])
    border = float64_thresholds(thresholds)
    values = np.concatenate([border, np.nextafter(border, np.inf), np.nextafter(border, -np.inf), thresholds])
    for value in values[::7]:
        assert ((np.float32(value) <= thresholds) == (value <= border)).all()


def test_a_form_survives_its_file(tmp_path):
    for name in ("labels", "imputer and forest", "forest"):
        form, content = _compile(*(TREES | LINEAR)[name])
        folder = tmp_path / name
        folder.mkdir()
        form.write(folder, content)
        assert Form.read(folder) == form


def test_a_form_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "compiled").mkdir()
    for content in ("{", "{}", '{"format": 2}', '{"format": 3}', '{"format": 1, "kind": "trees"}'):
        (tmp_path / "compiled" / "form.json").write_text(content)
        with pytest.raises(DataError):
            Form.read(tmp_path)


def test_without_a_graph_trees_are_refused():
    for content in (None, b"", b"garbage"):
        with pytest.raises(DataError):
            CompiledModel(Form("trees"), 3, content)


def test_a_compiled_model_needs_neither_scikit_learn_nor_pandas(tmp_path):
    form, content = _compile(*TREES["forest of labels"])
    form.write(tmp_path, content)
    program = (
        "import sys, pathlib\n"
        "from mlmon_dagster.adapters.compiled.form import Form\n"
        "from mlmon_dagster.adapters.compiled.runtime import CompiledModel\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "model = CompiledModel(Form.read(folder), 3, (folder / 'compiled/forest.onnx').read_bytes())\n"
        "heavy = {'sklearn', 'pandas', 'scipy', 'mlflow', 'dagster', 'onnx'}\n"
        "print(model.row([3.0, 2000.0, 10.0]), sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1:] == ["[]"]
