"""Recording what a stage found."""

from dataclasses import dataclass, field
from typing import Any

from governed import START, WINDOW, declared, deployed

from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.records import record_result
from mlmon_dagster.pipeline.stages import StageKey


@dataclass(frozen=True)
class Check:
    name: str = "inputs"
    verdict: str = "ok"
    reason: str = "fine"
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    metrics: dict[str, float]
    checks: tuple[Check, ...] = (Check(),)
    facts: dict[str, Any] = field(default_factory=dict)


KEY = StageKey("prices", "dev", "model_monitoring")


def test_a_result_names_its_version(governance: Governance) -> None:
    record_result(governance, KEY, WINDOW, Result({"rows": 5}, facts={"version": 7}), START)
    assert governance.judgements.latest("prices", "dev")["inputs"].version == 7
    assert governance.metrics.latest("prices", "dev")["rows"].version == 7


def test_without_a_name_the_live_version_is_meant(governance: Governance) -> None:
    deployed(governance, declared(), "dev", 1)
    record_result(governance, KEY, WINDOW, Result({"rows": 5}), START)
    assert governance.judgements.latest("prices", "dev")["inputs"].version == 1


def test_a_shared_stage_has_no_version(governance: Governance) -> None:
    record_result(governance, StageKey("prices", None, "data_ingestion"), WINDOW, Result({"rows": 5}), START)
    assert governance.metrics.latest("prices", None)["rows"].version is None
