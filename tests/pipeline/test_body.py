"""A pipeline written as its body again is the same pipeline, whatever kind of monitor it has."""

import json

import pytest
from staged import pipeline

from mlmon_dagster.pipeline.body import body_of
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.plugins import adapter

LABELS = {"source": {"use": "file", "path": "labels.csv", "key": ["id"]}, "column": "paid"}


@pytest.mark.parametrize(
    "monitoring",
    [
        {"monitors": {"theirs": {"use": "auto", "columns": "all", "compatible": "evidently"}}},
        {"monitors": {"theirs": {"use": "psi", "column": "price", "compatible": "evidently", "threshold": 0.3}}},
        {"monitors": {"together": {"use": "domain_classifier", "columns": "all", "rows": 700}}},
        {"segments": {"luxury": "price > 1000"}, "attribution": {"rows": 50}},
        {"monitors": {"some": {"use": "ks", "columns": "all", "alarm_budget": "12.125 per year"}}},
        {"monitors": {"some": {"use": "ks", "column": "x", "alarm_budget": "1 per year", "threshold": 0.05}}},
        {"monitors": {"some": {"use": "ks", "column": "x", "persistence": {"windows": 2, "of": 3}}}},
        {"monitors": {"some": {"use": "ks", "column": "x", "season": "month_of_year"}}},
        {
            "monitors": {"some": {"use": "ks", "column": "x", "segments": ["luxury"]}},
            "segments": {"luxury": "price > 1000"},
        },
        {"monitors": {"some": {"use": "ks", "column": "x", "segments": "all"}}, "segments": {"luxury": "price > 1000"}},
        {"engine": {"use": "duckdb", "memory": "1GB"}},
        {"performance": {"metric": "f1", "labels": LABELS, "positive": "UP", "also": ["recall"], "estimate": True}},
        {"performance": {"metric": "mae", "labels": LABELS, "target": {"use": "psi", "threshold": 0.4}}},
    ],
)
def test_a_declaration_that_is_written_again_says_the_same(monitoring):
    declared = pipeline(model_monitoring=monitoring)

    again = adapter(Pipeline).validate_json(json.dumps(body_of(declared)))

    assert again == declared
