"""The inference server's application: every route, in every form of the model."""

import csv
import io
import json
import logging
import re

import numpy as np
import pyarrow as pa
import pytest
from openapi_spec_validator import validate

from mlmon_dagster.adapters.prediction_log.reading import read_segments, united
from mlmon_dagster.serving.durability import LogOptions

KINDS = ("compiled", "native", "frame")


def _rows(predictor):
    return united(read_segments(predictor.log.directory), None, None).to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_carries_its_drift_score_and_is_in_the_log(client, record, predictor, kind):
    answer = client.post("/predict", json=record)
    body = answer.json()
    assert answer.status_code == 200
    assert body["prediction"] == pytest.approx(600_000, rel=0.1 if kind == "native" else 1e-9)
    assert body["drift_score"] == pytest.approx(0.321, abs=0.005)  # requirement A3
    assert body["drift_max"] == pytest.approx(0.99, abs=0.01)
    assert 0 < body["p_value"] <= 1
    assert (body["band"], body["model_version"], body["features_received"]) == ("normal", 3, record)
    assert set(body["drift"]) == set(record)
    assert answer.headers["x-request-id"] == body["id"]
    (row,) = _rows(predictor)
    assert (row["request_id"], row["features"]) == (body["id"], record)
    assert f"{row['predicted_at']:%Y-%m-%dT%H:%M:%S}" == body["timestamp"][:19]
    assert (row["prediction"], row["model_version"], row["digest"]) == (body["prediction"], 3, "d" * 64)
    assert (row["drift_score"], row["drift_max"]) == (body["drift_score"], body["drift_max"])


@pytest.mark.parametrize(
    ("values", "score", "band"),
    [
        ((3, 2, 2000, 25, 5.5), 0.015, "normal"),
        ((10, 8, 5000, 0, 10), 4.321, "high"),
        ((1, 1, 400, 80, 1), 2.265, "high"),
    ],
)
def test_scores_are_those_of_the_requirements(client, record, values, score, band):
    body = client.post("/predict", json=dict(zip(record, values, strict=True))).json()
    assert body["drift_score"] == pytest.approx(score, abs=0.02)
    assert body["band"] == band


def test_one_wild_feature_shows_in_the_largest_score_and_the_p_value(client, record):
    body = client.post("/predict", json={**record, "age": 100}).json()
    assert body["drift_score"] < 1.5 < 5 < body["drift_max"] == body["drift"]["age"]
    assert body["p_value"] < 0.01


def _json_batch(client, records):
    answers = client.post("/batch-predict", json=records).json()["predictions"]
    return [(one["prediction"], one["drift_score"], one["drift_max"]) for one in answers]


def _json_records(client, records):
    answers = client.post("/batch-predict", json={"records": records}).json()["predictions"]
    return [(one["prediction"], one["drift_score"], one["drift_max"]) for one in answers]


def _csv_batch(client, records):
    lines = [",".join(records[0]), *(",".join(map(str, one.values())) for one in records)]
    answer = client.post("/batch-predict", content="\n".join(lines), headers={"content-type": "text/csv"})
    assert answer.headers["content-type"] == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    return [tuple(float(row[name]) for name in ("prediction", "drift_score", "drift_max")) for row in rows]


def _arrow_batch(client, records):
    table = pa.Table.from_pylist(records)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    kind = {"content-type": "application/vnd.apache.arrow.stream"}
    answer = client.post("/batch-predict", content=sink.getvalue(), headers=kind)
    assert answer.headers["x-model-version"] == "3"
    found = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    return [(row["prediction"], row["drift_score"], row["drift_max"]) for row in found]


def _infer(client, records, inputs):
    outputs = [{"name": name} for name in ("predict", "drift_score", "drift_max")]
    answer = client.post("/v2/models/house_prices/infer", json={"inputs": inputs, "outputs": outputs}).json()
    assert [one["name"] for one in answer["outputs"]] == ["predict", "drift_score", "drift_max"]
    return list(zip(*(one["data"] for one in answer["outputs"]), strict=True))


def _one_tensor(client, records):
    data = [value for one in records for value in one.values()]
    shape = [len(records), len(records[0])]
    return _infer(client, records, [{"name": "x", "shape": shape, "datatype": "FP64", "data": data}])


def _nested_tensor(client, records):
    data = [list(one.values()) for one in records]
    shape = [len(records), len(records[0])]
    return _infer(client, records, [{"name": "x", "shape": shape, "datatype": "FP64", "data": data}])


def _tensor_for_each_feature(client, records):
    inputs = [
        {"name": name, "shape": [len(records), 1], "datatype": "FP64", "data": [one[name] for one in records]}
        for name in reversed(records[0])
    ]
    return _infer(client, records, inputs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "ask",
    [_json_batch, _json_records, _csv_batch, _arrow_batch, _one_tensor, _nested_tensor, _tensor_for_each_feature],
)
def test_every_form_of_a_batch_gives_the_answers_of_single_requests(client, predictor, record, kind, ask):
    records = [record, {**record, "sqft": 900.5}, {**record, "age": 70, "bedrooms": 9}]
    single = [client.post("/predict", json=one).json() for one in records]
    expected = [(one["prediction"], one["drift_score"], one["drift_max"]) for one in single]
    if kind == "frame":  # a matrix product rounds a batch otherwise
        np.testing.assert_allclose(ask(client, records), expected, rtol=1e-12)
    else:
        assert ask(client, records) == expected
    logged = _rows(predictor)[3:]
    assert [row["features"]["sqft"] for row in logged] == [2000, 900.5, 2000]
    assert [row["drift_max"] for row in logged] == pytest.approx([one["drift_max"] for one in single])
    assert len({row["request_id"] for row in logged}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_an_invocation_gives_the_same_prediction(client, record, kind):
    names, values = list(record), list(record.values())
    bodies = [
        {"dataframe_split": {"columns": names, "data": [values]}},
        {"dataframe_split": {"columns": names[::-1], "data": [values[::-1]]}},
        {"dataframe_split": {"columns": names, "index": [7], "data": [values]}, "params": {}},
        {"dataframe_records": [record]},
        {"inputs": [record]},
        {"inputs": {name: [value] for name, value in record.items()}},
        {"instances": [values]},
    ]
    expected = client.post("/predict", json=record).json()
    for body in bodies:
        answer = client.post("/invocations", json=body).json()
        assert answer["predictions"] == [expected["prediction"]], body
        assert answer["drift_scores"] == [expected["drift_score"]], body
    table = client.post(
        "/invocations", content=f"{','.join(names)}\n3,2,2000,10,7\n", headers={"content-type": "text/csv"}
    )
    assert table.json()["predictions"] == [expected["prediction"]]
    many = client.post("/invocations", json={"dataframe_split": {"columns": names, "data": [values] * 3}}).json()
    assert many["predictions"] == pytest.approx([expected["prediction"]] * 3)
    assert client.get("/ping").status_code == 200


def test_the_inference_protocol_describes_the_model(client):
    assert client.get("/v2").json()["name"] == "mlmon"
    model = client.get("/v2/models/house_prices").json()
    assert model == client.get("/v2/models/house_prices/versions/3").json()
    assert model["inputs"][0] == {"name": "bedrooms", "datatype": "INT64", "shape": [-1, 1]}
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/house_prices/ready"):
        assert client.get(path).status_code == 200
    for path in ("/v2/models/other", "/v2/models/house_prices/versions/4", "/v2/models/house_prices/what"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [2, 5]}, "holds 10 values, got 5"),
        ({"data": [1, 2, 3, 4]}, "holds 5 values, got 4"),
        ({"shape": [5], "name": "sqft"}, "missing: bedrooms"),
        ({"data": [[1, 2], 3, 4, 5]}, "nested unevenly"),
        ({"data": [1, 2, "x", 4, 5]}, "row 0: sqft expects a number, got a string"),
        ({"data": "x"}, "Expected `array`, got `str`"),
    ],
)
def test_a_bad_tensor_is_refused_with_a_reason(client, change, message):
    tensor = {"name": "x", "shape": [1, 5], "datatype": "FP64", "data": [1, 2, 3, 4, 5], **change}
    answer = client.post("/v2/models/house_prices/infer", json={"inputs": [tensor]})
    assert (answer.status_code, message in answer.json()["detail"]) == (422, True), answer.json()
    unknown = {"inputs": [{**tensor, "shape": [1, 5], "data": [1, 2, 3, 4, 5]}], "outputs": [{"name": "y"}]}
    assert client.post("/v2/models/house_prices/infer", json=unknown).status_code == 422


def test_one_bad_record_refuses_the_batch_and_logs_nothing(client, record, predictor):
    answer = client.post("/batch-predict", json=[record, {**record, "age": "old"}])
    assert (answer.status_code, answer.json()["detail"]) == (422, "record 1: age expects a number, got a string")
    assert predictor.log.counts.payloads == 0


def test_the_same_request_id_gets_the_same_answer_and_another_body_is_a_conflict(client, record, predictor):
    headers = {"x-request-id": "order-17"}
    first = client.post("/predict", json=record, headers=headers)
    again = client.post("/predict", json=record, headers=headers)
    assert again.content == first.content
    assert (first.headers.get("idempotent-replay"), again.headers["idempotent-replay"]) == (None, "true")
    assert first.json()["id"] == first.headers["x-request-id"] == "order-17"
    other = client.post("/predict", json={**record, "age": 11}, headers=headers)
    assert (other.status_code, "order-17" in other.json()["detail"]) == (409, True)
    assert predictor.log.counts.payloads == 1
    batch = client.post("/batch-predict", json=[record], headers={"idempotency-key": "batch-1"})
    assert batch.json()["predictions"][0]["id"] == "batch-1-0"
    assert "mlmon_replays_total 1" in client.get("/metrics").text


def test_an_id_whose_request_was_refused_may_be_used_again(client, record):
    headers = {"x-request-id": "a"}
    assert client.post("/predict", json={}, headers=headers).status_code == 422
    assert client.post("/predict", json=record, headers=headers).status_code == 200


@pytest.mark.parametrize("value", ["", "x" * 129, "a b", "a\tb", "ü"])
def test_what_cannot_be_an_id_is_refused(client, record, value):
    headers = {b"content-type": b"application/json", b"x-request-id": value.encode()}
    assert client.post("/predict", content=json.dumps(record), headers=headers).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_after_the_deadline_is_not_given_and_not_logged(client, record, predictor, kind):
    for path, body in {"/predict": record, "/batch-predict": [record]}.items():
        assert client.post(path, json=body, headers={"x-deadline-ms": "0"}).status_code == 504
        assert client.post(path, json=body, headers={"x-deadline-ms": "soon"}).status_code == 400
        assert client.post(path, json=body, headers={"x-deadline-ms": "60000"}).status_code == 200
    assert predictor.log.counts.payloads == 2


def _full(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_refuses_the_prediction(client, record, predictor, monkeypatch):
    monkeypatch.setattr(predictor.log._disk, "write", _full)
    for path, body in {"/predict": record, "/batch-predict": [record, record]}.items():
        answer = client.post(path, json=body)
        assert answer.status_code == 503
        assert answer.json()["detail"] == "the prediction log cannot be written (No space left on device)"
        assert answer.headers["retry-after"] == "1"
    health = client.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "not_ready")
    assert health.json()["log"]["failing"] == "No space left on device"
    assert client.get("/v2/health/ready").status_code == 503
    assert "mlmon_log_failing 1" in client.get("/metrics").text


class TestFailingOpen:
    @pytest.fixture
    def log_options(self, tmp_path):
        return LogOptions(tmp_path / "predictions", when_full="fail_open")

    def test_every_answer_says_that_it_is_not_in_the_log(self, client, record, predictor, monkeypatch):
        assert "logged" not in client.post("/predict", json=record).json()
        monkeypatch.setattr(predictor.log._disk, "write", _full)
        for path, body in {
            "/predict": record,
            "/batch-predict": [record],
            "/invocations": {"inputs": [record]},
        }.items():
            assert client.post(path, json=body).json()["logged"] is False
        assert client.get("/health").json()["log"]["when_full"] == "fail_open"
        assert "mlmon_predictions_unlogged_total 3" in client.get("/metrics").text


class TestSampling:
    @pytest.fixture
    def log_options(self, tmp_path):
        return LogOptions(tmp_path / "predictions", sample=0.25)

    def test_the_declared_share_is_logged_and_every_row_says_it(self, client, record, predictor):
        for _ in range(200):
            client.post("/predict", json=record)
        rows = _rows(predictor)
        assert 25 < len(rows) < 80
        assert client.get("/health").json()["log"]["sample"] == 0.25


@pytest.mark.parametrize("kind", ["native", "frame"])
def test_what_nobody_expected_is_a_plain_500_told_in_the_log(client, record, predictor, monkeypatch, caplog):
    model = predictor.model.rows.model if predictor.model.rows else predictor.model.frames
    monkeypatch.setattr(model, "predict", lambda _: 1 / 0)
    with caplog.at_level(logging.ERROR):
        answers = [client.post("/predict", json=record), client.post("/batch-predict", json=[record])]
    for answer in answers:
        assert (answer.status_code, answer.json()["detail"]) == (500, "the server failed; its log says why")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("kind", ["native", "frame"])
def test_a_prediction_that_is_not_finite_is_not_given(client, record, predictor, monkeypatch):
    model = predictor.model.rows.model if predictor.model.rows else predictor.model.frames
    monkeypatch.setattr(model, "predict", lambda rows: np.full(len(rows), np.nan))
    assert client.post("/predict", json=record).status_code == 500
    assert client.post("/batch-predict", json=[record]).status_code == 500


def test_health_says_what_is_served(client, application):
    body = client.get("/health").json()
    assert (body["status"], body["version"], body["digest"]) == ("ready", 3, "d" * 64)
    assert (body["environment"], body["inputs"][0], body["form"]) == ("prod", "bedrooms", "linear")
    assert (body["durability"], body["bands"]) == ("local", {"moderate": 1.0, "high": 2.0})
    assert "fdatasync" in body["log"]["promise"]
    assert set(body["stream"]) == {"ewma", "page_hinkley", "adwin"}
    application.draining = True
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.headers["connection"]) == (503, "draining", "close")


def test_metrics_count_requests_errors_predictions_bands_and_scores(client, record):
    client.post("/batch-predict", json=[record, {**record, "sqft": 20_000}])
    client.post("/predict", json={})
    text = client.get("/metrics").text
    assert 'mlmon_model{model="house_prices",version="3",digest="dddddddddddd",environment="prod"} 1' in text
    assert 'mlmon_requests_total{route="/predict",status="422"} 1' in text
    assert "mlmon_errors_total 0" in text
    assert "mlmon_predictions_total 2" in text
    assert 'mlmon_drift_score_bucket{le="0.25"} 0\nmlmon_drift_score_bucket{le="0.5"} 1' in text
    assert 'mlmon_predictions_by_band_total{band="high"} 1' in text
    assert 'mlmon_request_seconds_count{route="/batch-predict"} 1' in text
    line = re.compile(
        r'mlmon_[a-z_]+(\{([a-z]+="[^"]*",?)+\})? (\d[\d.e+-]*|\+Inf)|# TYPE mlmon_[a-z_]+ (counter|gauge|histogram)'
    )
    assert [one for one in text.splitlines() if not line.fullmatch(one)] == []


def _ask_records_like_the_reference(client, application, predictor, count):
    means, deviations = zip(*((one.mean, 1 / one.scale) for one in predictor.scorer.features), strict=True)
    for row in np.random.default_rng(9).normal(means, deviations, (count, 5)).tolist():
        client.post("/predict", json=dict(zip(predictor.names, [round(row[0]), *row[1:]], strict=True)))
        application.look()


def _changes(client):
    return {name: one["changes"] for name, one in client.get("/health").json()["stream"].items()}


def test_only_a_lasting_move_of_the_scores_is_found_by_the_detectors(client, application, predictor, record):
    _ask_records_like_the_reference(client, application, predictor, 200)
    assert _changes(client) == {"ewma": 0, "page_hinkley": 0, "adwin": 0}
    for _ in range(150):
        client.post("/predict", json={**record, "sqft": 3500, "age": 60})
        application.look()
    assert min(_changes(client).values()) > 0
    assert 'mlmon_stream_changes_total{detector="ewma"}' in client.get("/metrics").text


def test_the_api_description_is_valid_and_has_the_models_features_and_an_example_that_works(client, record):
    document = client.get("/openapi.json").json()
    validate(document)
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert content["schema"]["properties"]["bedrooms"] == {"type": "integer"}
    assert client.post("/predict", json=content["example"]).status_code == 200
    split = document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/invocations", json=split).status_code == 200
    page = client.get("/docs")
    assert "house_prices version 3" in page.text
    assert "POST /batch-predict" in page.text


def test_a_head_request_has_no_body(client):
    assert client.head("/health").status_code == 200


def test_behind_another_server_nothing_piles_up_between_requests(client, record, predictor, monkeypatch):
    monkeypatch.setattr("mlmon_dagster.serving.asgi.LOOK_SECONDS", 0.0)
    for _ in range(20):
        assert client.post("/predict", json=record).status_code == 200
    assert len(predictor.stream._recent) <= 1
    assert sum(map(len, predictor.metrics._recent.values())) <= 1
    assert predictor.metrics._requests["/predict", 200] >= 19
