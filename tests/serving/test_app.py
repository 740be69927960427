"""The inference server's application."""

import json
import logging

import pytest

from mlmon_dagster.adapters.prediction_log.reading import read_segments, united

BAD_BODIES = {
    "empty": (b"", 400),
    "cut": (b"{", 400),
    "utf16": ('{"a": 1}'.encode("utf-16"), 400),
    "latin1": (b'{"a": "\xe9"}', 400),
    "deep": (b"[" * 100_000, 400),
    "long number": (b'{"sqft": ' + b"9" * 5000 + b"}", 400),
    "list": (b"[]", 422),
    "nan": (b'{"sqft": NaN}', 422),
    "infinity": (b'{"sqft": -Infinity}', 422),
    "twice": (b'{"sqft": 1, "sqft": 2}', 422),
    "large": (b" " * 1_000_001, 413),
}

BAD_VALUES = {
    "overflow": ("sqft", "1e400", "not a finite number"),
    "text": ("sqft", '"0.9"', "expects a number, got a string"),
    "true for an integer": ("bedrooms", "true", "expects an integer, got true or false"),
    "fraction for an integer": ("bedrooms", "2.5", "expects an integer, got 2.5"),
    "beyond float64": ("bedrooms", str(2**63), "too large"),
    "null": ("age", "null", "is null"),
    "list": ("age", "[1]", "expects a number, got a list"),
}


def test_a_prediction_carries_its_drift_score_and_is_in_the_log(client, record, predictor):
    answer = client.post("/predict", json=record)
    body = answer.json()
    assert answer.status_code == 200
    assert body["prediction"] == pytest.approx(600_000)
    assert body["drift_score"] == pytest.approx(0.321, abs=0.005)  # requirement A3
    assert body["drift_max"] == pytest.approx(0.99, abs=0.01)
    assert (body["band"], body["model_version"], body["features_received"]) == ("normal", 3, record)
    assert set(body["drift"]) == set(record)
    (row,) = united(read_segments(predictor.log.directory), None, None).to_pylist()
    assert (row["request_id"], row["features"]) == (body["id"], record)
    assert f"{row['predicted_at']:%Y-%m-%dT%H:%M:%S}" == body["timestamp"][:19]
    assert (row["prediction"], row["model_version"], row["digest"]) == (body["prediction"], 3, "d" * 64)
    assert (row["drift_score"], row["drift_max"]) == (body["drift_score"], body["drift_max"])


@pytest.mark.parametrize(
    ("record", "score", "band"),
    [
        ((3, 2, 2000, 25, 5.5), 0.015, "normal"),
        ((10, 8, 5000, 0, 10), 4.321, "high"),
        ((1, 1, 400, 80, 1), 2.265, "high"),
    ],
)
def test_scores_are_those_of_the_requirements(client, record, score, band):
    names = ("bedrooms", "bathrooms", "sqft", "age", "location_score")
    body = client.post("/predict", json=dict(zip(names, record, strict=True))).json()
    assert body["drift_score"] == pytest.approx(score, abs=0.02)
    assert body["band"] == band


def test_a_batch_gives_the_same_answers_as_single_requests(client, record):
    records = [record, {**record, "sqft": 900.5}]
    single = [client.post("/predict", json=one).json()["prediction"] for one in records]
    for body in (records, {"records": records}):
        answers = client.post("/batch-predict", json=body).json()["predictions"]
        assert [one["prediction"] for one in answers] == pytest.approx(single, rel=1e-12)  # BLAS sums in another order


def test_every_form_of_an_invocation_gives_the_same_prediction(client, record):
    names, values = list(record), list(record.values())
    bodies = [
        {"dataframe_split": {"columns": names, "data": [values]}},
        {"dataframe_records": [record]},
        {"inputs": [record]},
        {"inputs": {name: [value] for name, value in record.items()}},
        {"instances": [values]},
    ]
    expected = [client.post("/predict", json=record).json()["prediction"]]
    for body in bodies:
        assert client.post("/invocations", json=body).json() == {"predictions": expected}, body
    assert client.get("/ping").status_code == 200


@pytest.mark.parametrize("case", BAD_BODIES)
@pytest.mark.parametrize("route", ["/predict", "/batch-predict", "/invocations"])
def test_a_bad_body_is_refused_in_one_sentence(client, route, case):
    content, status = BAD_BODIES[case]
    answer = client.post(route, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_bad_value_is_refused_with_its_feature(client, record, case):
    name, raw, message = BAD_VALUES[case]
    body = json.dumps({**record, name: "@"}).replace('"@"', raw)
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert f"{name} " in answer.json()["detail"]
    assert message in answer.json()["detail"]


def test_unknown_and_missing_names_are_told_with_the_nearest(client, record):
    record["sqtf"] = record.pop("sqft")
    answer = client.post("/predict", json=record)
    assert answer.status_code == 422
    assert "no feature 'sqtf'; did you mean 'sqft'?; missing: sqft" in answer.json()["detail"]
    assert (answer.json()["unknown"], answer.json()["missing"]) == (["sqtf"], ["sqft"])


def test_one_bad_record_refuses_the_batch_and_logs_nothing(client, record, predictor):
    answer = client.post("/batch-predict", json=[record, {**record, "age": "old"}])
    assert (answer.status_code, answer.json()["detail"]) == (422, "record 1: age expects a number, got a string")
    assert predictor.log.counts.payloads == 0


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(client, kind):
    assert client.post("/predict", content=b"{}", headers={"content-type": kind}).status_code == 415


def test_a_compressed_body_is_refused(client):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert client.post("/predict", content=b"{}", headers=headers).status_code == 415


def test_unknown_routes_and_methods_are_problems_too(client):
    assert client.get("/nowhere").json()["status"] == 404
    assert client.get("/predict").json()["status"] == 405


def test_a_full_disk_refuses_the_prediction(client, record, predictor, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predictor.log._disk, "write", full)
    answer = client.post("/predict", json=record)
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "the prediction log cannot be written (No space left on device)",
    )
    health = client.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "not_ready")
    assert health.json()["log"]["failing"] == "No space left on device"
    assert "mlmon_log_failing 1" in client.get("/metrics").text


def test_what_nobody_expected_is_a_plain_500_told_in_the_log(client, record, predictor, monkeypatch, caplog):
    monkeypatch.setattr(predictor.model.frames, "predict", lambda _: 1 / 0)
    with caplog.at_level(logging.ERROR):
        answer = client.post("/predict", json=record)
    assert (answer.status_code, answer.json()["detail"]) == (500, "the server failed; its log says why")
    assert "ZeroDivisionError" in caplog.text


def test_a_prediction_that_is_not_finite_is_not_given(client, record, predictor, monkeypatch):
    import numpy as np

    monkeypatch.setattr(predictor.model.frames, "predict", lambda rows: np.full(len(rows), np.nan))
    assert client.post("/predict", json=record).status_code == 500


def test_health_says_what_is_served(client, state):
    body = client.get("/health").json()
    assert (body["status"], body["version"], body["digest"]) == ("ready", 3, "d" * 64)
    assert (body["environment"], body["inputs"][0]) == ("prod", "bedrooms")
    assert body["durability"] == "local"
    assert "fdatasync" in body["log"]["promise"]
    state.draining = True
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.headers["connection"]) == (503, "draining", "close")


def test_metrics_count_requests_errors_predictions_and_scores(client, record):
    client.post("/batch-predict", json=[record, record])
    client.post("/predict", json={})
    text = client.get("/metrics").text
    assert 'mlmon_model{model="house_prices",version="3",digest="dddddddddddd",environment="prod"} 1' in text
    assert 'mlmon_requests_total{route="/predict",status="422"} 1' in text
    assert "mlmon_errors_total 0" in text
    assert "mlmon_predictions_total 2" in text
    assert 'mlmon_drift_score_bucket{le="0.25"} 0\nmlmon_drift_score_bucket{le="0.5"} 2' in text
    assert 'mlmon_request_seconds_count{route="/batch-predict"} 1' in text


def test_the_api_description_has_the_models_features(client):
    schema = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    properties = schema["content"]["application/json"]["schema"]["properties"]
    assert properties["bedrooms"] == {"type": "integer"}
