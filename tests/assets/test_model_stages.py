"""Stages 4 and 6 over real features, a real registry, real governance and a real server."""

import dataclasses
import json

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from governed import Clock, Declared, governed

from mlmon_dagster.adapters.database.opening import open_database
from mlmon_dagster.adapters.engines.spark import Spark
from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.adapters.mlflow.registry import open_registry
from mlmon_dagster.adapters.targets.local import Local
from mlmon_dagster.assets import folder, model_inferencing, model_registry
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.judging import Evidence
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import BlockedError, DataError, FailedError, InputError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.lifecycle.promotions import request_promotion
from mlmon_dagster.lifecycle.queries import models
from mlmon_dagster.pipeline import spec
from mlmon_dagster.pipeline.deployment import EnvironmentDeployment, ModelDeployment
from mlmon_dagster.pipeline.monitoring import Labels, ModelMonitoring, Performance
from mlmon_dagster.pipeline.serving import FolderInferencing, ModelInferencing
from mlmon_dagster.pipeline.source import Rows, Source
from mlmon_dagster.pipeline.stages import BATCH, FOLDER, REALTIME, StageKey
from mlmon_dagster.pipeline.windows import Windows, day
from mlmon_dagster.ports import Placement
from mlmon_dagster.settings import read_settings

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")

MODEL = """
def train(rows):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(rows[["size", "rooms"]], rows["price"])

def forget(rows):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(rows[["size", "rooms"]].to_numpy(), rows["price"])

def fail(rows):
    return rows["no such column"]

def expect_more(rows):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(rows[["size"]].assign(sizes=1), rows["price"])
"""


@dataclasses.dataclass(frozen=True)
class Table:
    """A source that has its rows in memory."""

    rows: pa.Table

    def read(self, directory, time, window):
        return self.rows


def _features(window, rows=60, seed=0):
    random = np.random.default_rng([int(window[-2:]), seed])
    size = random.normal(50, 10, rows)
    return pa.table(
        {
            "id": pa.array([f"{window}-{number}" for number in range(rows)]),
            "day": pa.array([day(window)] * rows, pa.timestamp("us", "UTC")),
            "size": size,
            "rooms": pa.array(random.integers(1, 6, rows)),
            "price": 3 * size + random.normal(0, 1, rows),
        }
    )


def _pipeline(labels, folder=None, engine=None, scenarios=None, **registry):
    performance = Performance("mae", Labels(Source(Table(labels), Rows(key=("id",))), "price"))
    options = {"reference": spec.ReferencePeriod("2026-01-04"), "train": "flats_model:train", **registry}
    stages = spec.Stages(
        spec.DataIngestion(Source(None, Rows(time="day", key=("id",)))),
        spec.DataPreparation(),
        spec.FeatureStore(key=("id",)),
        spec.ModelRegistry("flats", **options),
        ModelDeployment(dev=EnvironmentDeployment(Local(), scenarios=scenarios)),
        ModelInferencing(folder=folder),
        ModelMonitoring(
            {"inputs": parse_monitor("inputs", {"use": "auto", "columns": "all"})},
            performance=performance,
            engine=engine,
        ),
        spec.CicdEnforcement(),
    )
    windows = Windows("daily", start="2026-01-01", end="2026-01-10")
    return spec.Pipeline("flats", "homes", "team:homes", windows, stages)


@dataclasses.dataclass(frozen=True)
class World:
    directory: object
    ports: Ports
    labels: pa.Table

    def run(self, function, stage, environment=None, window=None, **registry):
        pipeline = _pipeline(self.labels, **registry)
        stage_run = StageRun(
            pipeline=pipeline,
            key=StageKey("flats", environment, stage),
            window=pipeline.windows.window(window) if window else None,
            directory=self.directory,
            settings=self.ports.settings,
            outputs=self.ports.outputs,
            now=day("2026-01-08"),
            log=lambda text: None,
        )
        return function(stage_run, Declared(pipeline), self.ports)

    def register(self, **registry):
        return self.run(model_registry.run, "model_registry", **registry)

    def batch(self, window, **declared):
        return self.run(model_inferencing.run_batch, BATCH, "dev", window, **declared)

    def realtime(self, **declared):
        return self.run(model_inferencing.run_realtime, REALTIME, "dev", **declared)

    def write(self, window, table):
        self.ports.outputs.write(StageKey("flats", None, "feature_store"), window, table, inputs={})


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The ports of a home of their own: opening a registry takes seconds."""
    home = tmp_path_factory.mktemp("world")
    settings = read_settings({"MLMON_HOME": str(home)})
    database = open_database(settings.database_url)
    governance = governed(database, Clock())
    outputs = Outputs(FileObjectStore(settings.store))
    (home / "flats_model.py").write_text(MODEL)
    labels = pa.concat_tables([_features(window) for window in DAYS]).select(["id", "price"])
    yield World(home, Ports(governance, outputs, open_registry(settings), settings), labels)
    database.close()


@pytest.fixture
def world(empty):
    for window in DAYS:
        empty.write(window, _features(window))
    return empty


@pytest.fixture(scope="module")
def live(empty):
    """The first version is live in dev, on a real server."""
    for window in DAYS:
        empty.write(window, _features(window))
    empty.register()
    declared, governance = Declared(_pipeline(empty.labels)), empty.ports.governance
    promotion = request_promotion(governance, declared, "dev", 1, actor=MACHINE)
    deployment = open_promotion(governance, declared, promotion.id)
    version = empty.ports.registry.version("flats", 1)
    placement = Placement(deployment.id, "flats", "dev", version, "direct")
    Local().start(placement, empty.ports.settings)
    serving = Local().switch(placement, empty.ports.settings)
    finish_deployment(governance, deployment.id, serving.address)
    yield serving
    Local().stop("flats", "dev", deployment.id, empty.ports.settings)


def test_the_reference_is_trained_on_and_registered_with_its_profile(world):
    result = world.register()
    assert (result.metrics["rows"], result.metrics["features"]) == (180, 2)
    assert 0.5 < result.metrics["performance.mae"] < 1.5  # labels have noise of standard deviation 1
    assert (result.facts["model"], result.facts["inputs"]) == ("flats", ["size", "rooms"])
    assert [check.verdict for check in result.checks] == ["ok"]
    assert [check.name for check in result.checks] == list(model_registry.CHECKS)
    version = world.ports.registry.version("flats", result.facts["version"])
    assert version.digest == result.digest == result.facts["digest"]
    profile = Profile.from_bytes(world.ports.registry.profile(version))
    assert list(profile.columns) == ["size", "rooms", "prediction"]
    assert profile.rows == 180
    assert version.number in [model.number for model in models(world.ports.governance, "flats")]


def test_the_same_declaration_and_data_give_the_same_version(world):
    first, again = world.register(), world.register()
    assert (again.digest, again.facts["version"]) == (first.digest, first.facts["version"])


def test_other_data_give_another_version(world):
    first = world.register()
    world.write(DAYS[0], _features(DAYS[0], seed=1))
    assert world.register().facts["version"] > first.facts["version"]


def test_missing_windows_of_the_reference_are_named(world):
    with pytest.raises(BlockedError, match=r"2 of 5 windows .* no features: 2026-01-05, 2026-01-06") as caught:
        world.register(reference=spec.ReferencePeriod("2026-01-07", since="2026-01-02"))
    assert "flats/feature_store for the windows 2026-01-05 to 2026-01-06" in caught.value.hint


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("forget", InputError, "does not say which columns it takes"),
        ("fail", FailedError, r"flats_model\.py:11"),
        ("expect_more", InputError, r"\[SCHEMA\] .* no column called 'sizes'; did you mean size"),  # M41
    ],
)
def test_a_training_function_that_cannot_be_used_is_told_so(world, function, error, message):
    with pytest.raises(error, match=message):
        world.register(train=f"flats_model:{function}")


def test_a_reference_too_small_to_train_on_is_refused(world):
    for window in DAYS:
        world.write(window, _features(window, rows=2))
    with pytest.raises(DataError, match="has 6 rows"):
        world.register()


def test_a_pretrained_model_is_taken_by_its_path(world):
    import skops.io
    from sklearn.linear_model import LinearRegression

    frame = _features(DAYS[0]).to_pandas()
    skops.io.dump(LinearRegression().fit(frame[["rooms"]], frame["price"]), world.directory / "bought.skops")
    result = world.register(train=None, uri="bought.skops")
    assert result.facts["inputs"] == ["rooms"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.rename_columns(["id", "day", "size", "ROOMS", "price"]), "did you mean ROOMS"),
        (lambda rows: rows.drop(["rooms"]), "no column called 'rooms'"),
        (
            lambda rows: rows.set_column(3, "rooms", pa.array(["many"] * len(rows))),
            r"\[SCHEMA\] the model cannot predict from rooms \(object\): could not convert string to float",
        ),
    ],
    ids=["renamed", "missing", "text"],
)
def test_m41_features_that_the_model_was_not_fitted_on_are_named(world, change, message):
    import skops.io
    from sklearn.linear_model import LinearRegression

    frame = _features(DAYS[0]).to_pandas()
    skops.io.dump(LinearRegression().fit(frame[["rooms"]], frame["price"]), world.directory / "strict.skops")
    before = world.ports.registry.versions("flats")
    for window in DAYS:
        world.write(window, change(_features(window)))
    with pytest.raises((DataError, InputError), match=message):
        world.register(train=None, uri="strict.skops")
    assert world.ports.registry.versions("flats") == before


def test_nothing_live_blocks_inference(world):
    with pytest.raises(BlockedError, match="no version of flats is live in staging"):
        world.run(model_inferencing.run_batch, BATCH, "staging", DAYS[3])
    with pytest.raises(BlockedError, match="no version of flats is live in staging"):
        world.run(model_inferencing.run_realtime, REALTIME, "staging")


def test_a_window_is_scored_by_the_live_version(world, live):
    result = world.batch(DAYS[3])
    rows = world.ports.outputs.read(StageKey("flats", "dev", BATCH), DAYS[3])
    names = ["id", "day", "size", "rooms", "prediction", "drift_score", "drift_max", "model_version"]
    assert rows.column_names == names
    assert (result.metrics["rows"], result.facts["version"], result.checks[0].verdict) == (60, 1, "ok")
    assert set(rows.column("model_version").to_pylist()) == {1}
    assert result.metrics["predictions.mean"] == pytest.approx(np.mean(rows.column("prediction")))
    assert result.metrics["predictions.drift_score"] == pytest.approx(np.mean(rows.column("drift_score")))
    assert world.batch(DAYS[3]).digest == result.digest


def test_batch_and_real_time_give_equal_answers_for_the_same_rows(world, live):
    world.batch(DAYS[3])
    rows = world.ports.outputs.read(StageKey("flats", "dev", BATCH), DAYS[3]).to_pylist()
    for row in rows[:10]:
        answer = httpx.post(f"{live.address}/predict", json={"size": row["size"], "rooms": row["rooms"]}).json()
        for name in ("prediction", "drift_score", "drift_max", "model_version"):
            assert answer[name] == row[name]  # to the last bit


def _with_bad_sizes(world, *bad):
    table = _features(DAYS[3])
    sizes = [*bad, *table.column("size").to_pylist()[len(bad) :]]
    world.write(DAYS[3], table.set_column(2, "size", pa.array(sizes)))


BAD = (None, float("inf"), 1e308)
REASONS = ["size is missing", "size is not a finite number", "the model's prediction is not a finite number"]


def test_rows_that_the_server_would_refuse_are_set_aside(world, live):
    _with_bad_sizes(world, *BAD)
    result = world.batch(DAYS[3])
    assert (result.metrics["rows"], result.metrics["rows_quarantined"]) == (57, 3)
    aside = world.ports.outputs.read_quarantine(StageKey("flats", "dev", BATCH), DAYS[3])
    assert aside.column("reason").to_pylist() == REASONS
    answers = [
        httpx.post(
            f"{live.address}/predict",
            content=f'{{"size": {bad}, "rooms": 3}}',
            headers={"content-type": "application/json"},
        ).status_code
        for bad in ("null", "Infinity", "1e308")
    ]
    assert answers == [422, 422, 500]
    assert (result.checks[0].verdict, result.metrics["predictions.invalid"]) == ("error", 1)
    assert result.checks[0].reason == "1 of 58 predictions are not finite, 3 rows were set aside"


@pytest.mark.slow
def test_a_window_scored_on_spark_is_the_same_to_the_last_byte(world, live):
    pytest.importorskip("pyspark")
    _with_bad_sizes(world, *BAD)
    here, aside = world.batch(DAYS[3]), world.ports.outputs.read_quarantine(StageKey("flats", "dev", BATCH), DAYS[3])
    there = world.batch(DAYS[3], engine=Spark(master="local[2]"))
    assert there.digest == here.digest  # of rows, predictions and drift scores
    assert there.metrics == here.metrics
    assert world.ports.outputs.read_quarantine(StageKey("flats", "dev", BATCH), DAYS[3]).equals(aside)
    world.write(DAYS[3], _features(DAYS[3], rows=0))
    assert world.batch(DAYS[3], engine=Spark(master="local[2]")).checks[0].verdict == "no_data"


def test_a_window_without_rows_is_no_data(world, live):
    world.write(DAYS[3], _features(DAYS[3], rows=0))
    assert world.batch(DAYS[3]).checks[0].verdict == "no_data"


def test_a_window_without_features_blocks(world, live):
    with pytest.raises(BlockedError, match="window 2026-01-09 has no features"):
        world.batch("2026-01-09")


@pytest.fixture(params=["here", pytest.param("spark", marks=pytest.mark.slow)])
def engine(request):
    """Where the files of a folder are scored."""
    if request.param == "here":
        return None
    pytest.importorskip("pyspark")
    return Spark(master="local[2]")


def test_files_of_a_declared_folder_are_scored_once_as_the_server_answers(world, live, engine):
    name = "here" if engine is None else "spark"
    declared = FolderInferencing(f"{name}/incoming", f"{name}/scored")
    incoming, scored = world.directory / name / "incoming", world.directory / name / "scored"
    incoming.mkdir(parents=True)
    for window in DAYS[:2]:
        pq.write_table(_features(window), incoming / f"{window}.parquet")

    def score():
        return world.run(lambda run, _, ports: folder.run(run, ports), FOLDER, "dev", folder=declared, engine=engine)

    first = score()
    assert (first.metrics["files"], first.metrics["rows"], first.checks[0].verdict) == (2, 120, "ok")
    (incoming / "broken.parquet").write_bytes(b"PAR1")
    pq.write_table(_features(DAYS[2]), incoming / "new.parquet")
    second = score()
    assert (second.metrics["files"], second.metrics["files_failed"]) == (1, 1)
    assert (second.checks[0].verdict, "broken.parquet" in second.checks[0].reason) == ("error", True)
    assert not (scored / "broken.parquet").exists()
    rows = pq.read_table(scored / "new.parquet")
    assert rows.column_names[-4:] == ["prediction", "drift_score", "drift_max", "model_version"]
    for row in rows.to_pylist()[:10]:
        answer = httpx.post(f"{live.address}/predict", json={"size": row["size"], "rooms": row["rooms"]}).json()
        assert (answer["prediction"], answer["drift_score"]) == (row["prediction"], row["drift_score"])
    (incoming / "broken.parquet").unlink()
    third = score()
    assert (third.metrics["files"], third.checks[0].reason) == (0, "nothing new")


@pytest.mark.parametrize("rescore", [False, True])
def test_files_that_another_version_scored_are_scored_again_only_where_that_is_declared(world, live, rescore):
    name = f"rescore-{rescore}"
    declared = FolderInferencing(f"{name}/in", f"{name}/out", rescore=rescore)
    (world.directory / name / "in").mkdir(parents=True)
    pq.write_table(_features(DAYS[0]), world.directory / name / "in" / "a.parquet")

    def score():
        return world.run(lambda run, _, ports: folder.run(run, ports), FOLDER, "dev", folder=declared)

    assert score().metrics["files"] == 1
    assert score().metrics["files"] == 0
    manifest = world.directory / name / "out" / "_manifests" / "a.parquet.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "version": 9, "model": "9" * 64}))  # as another version leaves it
    assert score().metrics["files"] == (1 if rescore else 0)
    assert (json.loads(manifest.read_text())["version"] == 1) is rescore


def test_a_folder_that_is_not_declared_is_no_stage(world, live):
    with pytest.raises(BlockedError, match="flats declares no folder to score"):
        world.run(lambda run, _, ports: folder.run(run, ports), FOLDER, "dev")


def test_a_live_server_that_does_not_recognise_drift_is_not_green(world, live):
    fine = world.realtime(scenarios="reference")
    assert (fine.checks[0].verdict, fine.facts["scenarios"]) == ("ok", 4)
    (world.directory / "blind.yaml").write_text("wild: {average: 0.1, records: [{size: 900.5, rooms: 3}]}")
    blind = world.realtime(scenarios="blind.yaml")
    assert blind.checks[0].verdict == "error"
    assert blind.checks[0].reason.startswith("drift detection does not work: wild: the average score is ")


def test_the_live_endpoint_is_measured_and_a_dead_one_is_never_green(world, live):
    result = world.realtime()
    check = result.checks[0]
    assert (check.name, check.verdict, check.reason[:14]) == ("endpoint", "ok", "50 requests to")
    assert result.metrics["error_rate"] == 0
    assert 0 < result.metrics["latency_ms.p50"] <= result.metrics["latency_ms.p99"]
    assert 0.3 < result.metrics["drift_score.mean"] < 2
    Local().stop("flats", "dev", live.deployment, world.ports.settings)
    dead = world.realtime()
    assert (dead.checks[0].verdict, dead.metrics) == ("error", {"error_rate": 1.0})
    assert "stopped" in dead.checks[0].reason


def test_what_a_joint_monitor_learns_is_kept_with_the_version_and_judges_its_windows(world):
    from mlmon_dagster.assets.joint import joint_checks

    together = parse_monitor("together", {"use": "mmd", "columns": "all"})
    monitoring = ModelMonitoring({"together": together})
    pipeline = _pipeline(world.labels)
    pipeline = dataclasses.replace(pipeline, stages=dataclasses.replace(pipeline.stages, model_monitoring=monitoring))
    key = StageKey("flats", "dev", "model_monitoring")
    window = pipeline.windows.window(DAYS[3])
    stage = StageRun(
        pipeline, key, window, world.directory, world.ports.settings, world.ports.outputs, day("2026-01-08"), print
    )
    registered = model_registry.run(
        dataclasses.replace(stage, key=StageKey("flats", None, "model_registry")), Declared(pipeline), world.ports
    )
    version = world.ports.registry.version("flats", registered.facts["version"])

    evidence = Evidence(Profile.from_bytes(world.ports.registry.profile(version)))
    usual, metrics, judged = joint_checks(stage, world.ports, version, _features(DAYS[3]), evidence)
    moved = _features(DAYS[3]).set_column(2, "size", pa.array(np.linspace(90, 120, 60)))
    drifted, *_ = joint_checks(stage, world.ports, version, moved, evidence)
    lost, *_ = joint_checks(stage, world.ports, version, moved.drop_columns(["size"]), evidence)

    assert [(check.name, check.verdict) for check in usual] == [("together", "ok")]
    assert [one.column for one in judged] == ["joint"]
    assert metrics == {"drift.joint.mmd": usual[0].metrics["drift.joint.mmd"]}
    assert drifted[0].verdict == "drift"
    assert "most in size" in drifted[0].reason
    assert (lost[0].verdict, "no column called 'size'" in lost[0].reason) == ("error", True)
