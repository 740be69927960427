"""Rows of the log: written as payloads, read as a table."""

from datetime import datetime, timezone

import numpy as np
import pytest

from mlmon_dagster.adapters.prediction_log.rows import (
    TOGETHER_BYTES,
    Row,
    SegmentHeader,
    encode_block,
    encode_rows,
    payloads_of,
    table_of,
)
from mlmon_dagster.errors import DataError

KINDS = (("rooms", "integer"), ("sqft", "float"), ("city", "string"), ("sold", "timestamp"), ("new", "boolean"))
HEADER = SegmentHeader("houses", 3, "d" * 64, "house_prices", "prod", "d-7", "local", KINDS)
MOMENT = 1_769_846_400_123_456_789


def test_a_header_survives_its_encoding():
    assert SegmentHeader.decoded(HEADER.encoded()) == HEADER


@pytest.mark.parametrize("payload", [b"R[]", b"H[", b'H{"format": 9}', b"H7"])
def test_another_header_is_refused(payload):
    with pytest.raises(DataError):
        SegmentHeader.decoded(payload)


@pytest.mark.parametrize(("size", "payloads"), [(10, 1), (TOGETHER_BYTES // 2, 3)])
def test_rows_of_several_requests_are_one_payload_unless_they_are_large(size, payloads):
    rows = [Row(str(number), MOMENT, [3, 1.0, "x" * size, None, None], 5.0, 0.1, 0.2) for number in range(3)]
    found = payloads_of(rows)
    assert len(found) == payloads
    assert table_of(HEADER, found)["request_id"].to_pylist() == ["0", "1", "2"]


def test_rows_keep_every_kind_of_feature_and_its_absence():
    rows = [
        ("a", MOMENT, [3, 2000.5, "Ulm", "2026-01-31T08:00:00Z", True], 5.0, 0.1, 0.2),
        ("b", MOMENT + 1, [None, None, None, None, None], 6, 0.3, 0.4),
    ]
    table = table_of(HEADER, [encode_rows(rows[:1]), encode_rows(rows[1:])])
    first, second = table.to_pylist()
    assert first["features"] == {
        "rooms": 3,
        "sqft": 2000.5,
        "city": "Ulm",
        "sold": datetime(2026, 1, 31, 8, tzinfo=timezone.utc),
        "new": True,
    }
    assert set(second["features"].values()) == {None}
    assert (first["request_id"], first["prediction"], second["prediction"]) == ("a", 5.0, 6.0)
    assert table["predicted_at"].cast("int64").to_pylist() == [MOMENT, MOMENT + 1]
    assert (first["model"], first["model_version"], first["environment"], first["durability"]) == (
        "houses",
        3,
        "prod",
        "local",
    )


def test_a_block_reads_like_its_rows():
    header = SegmentHeader(
        "houses", 3, "d" * 64, None, None, None, "local", (("rooms", "integer"), ("sqft", "float"), ("new", "boolean"))
    )
    features = np.array([[3, 2000.5, 1], [2, np.nan, 0]])
    scores = np.array([[0.1, 0.2], [0.3, 0.4]])
    block = encode_block("q", MOMENT, False, np.array([5.5, 6.5]), scores, features)
    single = encode_rows(
        [
            ("q-0", MOMENT, [3, 2000.5, True], 5.5, 0.1, 0.2),
            ("q-1", MOMENT, [2, None, False], 6.5, 0.3, 0.4),
        ]
    )
    assert table_of(header, [block]).equals(table_of(header, [single]))
    labels = encode_block("q", MOMENT, True, np.array([1.0, 0.0]), scores, features)
    assert table_of(header, [labels])["prediction"].to_pylist() == [1, 0]


def test_labels_that_are_text_stay_text():
    rows = [("a", MOMENT, [1, 1.0, "x", None, None], "cheap", 0.1, 0.2)]
    assert table_of(HEADER, [encode_rows(rows)])["prediction"].to_pylist() == ["cheap"]


def test_a_segment_without_rows_has_the_columns():
    assert table_of(HEADER, []).column_names[:3] == ["request_id", "predicted_at", "features"]
