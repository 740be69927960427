"""What a request says of itself: who made it, and what time its client takes it to be."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from mlmon_dagster.adapters.origin import PROBE
from mlmon_dagster.adapters.prediction_log.reading import read_origin, read_predictions

KINDS = ("compiled", "native", "frame")


def _callers(predictor):
    return read_predictions(predictor.log.directory, None, "house_prices", None, None).to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_probes_and_copies_for_shadows_are_logged_and_no_callers_predictions(client, record, predictor, kind):
    client.post("/predict", json=record, headers={"x-request-id": "caller"})
    client.post("/predict", json=record, headers={**PROBE, "x-request-id": "probed"})
    client.post("/predict", json=record, headers={"x-mlmon-shadow": "1", "x-request-id": "copied"})
    client.post("/batch-predict", json=[record, record], headers={**PROBE, "x-request-id": "many"})
    assert [one["request_id"] for one in _callers(predictor)] == ["caller"]
    by = {
        origin: [
            row["request_id"]
            for table in read_origin(predictor.log.directory, None, "house_prices", origin, None, None)
            for row in table.to_pylist()
        ]
        for origin in ("probe", "shadow")
    }
    assert by == {"probe": ["probed", "many-0", "many-1"], "shadow": ["copied"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_clients_clock_is_kept_as_a_claim_and_flagged_beyond_five_minutes(client, record, predictor, kind):
    now = datetime.now(timezone.utc)
    for off in (-2, 600):
        client.post("/predict", json=record, headers={"date": format_datetime(now - timedelta(seconds=off), True)})
    client.post("/batch-predict", json=[record], headers={"date": format_datetime(now + timedelta(days=3), True)})
    client.post("/predict", json=record)
    rows = _callers(predictor)
    assert [row["skewed"] for row in rows] == [False, True, True, False]
    assert [row["skew_seconds"] for row in rows[:2]] == pytest.approx([-2, 600], abs=60)
    assert rows[3]["skew_seconds"] is None
    assert all(abs(row["predicted_at"] - now) < timedelta(minutes=5) for row in rows)  # by the server's clock
    assert "mlmon_skewed_requests_total 2" in client.get("/metrics").text


def test_a_date_that_is_none_is_told_and_not_predicted(client, record, predictor):
    answer = client.post("/predict", json=record, headers={"date": "yesterday"})
    assert answer.status_code == 400
    assert "Date holds a moment such as" in answer.json()["detail"]
    assert not read_origin(predictor.log.directory, None, "house_prices", None, None, None)
