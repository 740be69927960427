"""Opening a gate, and what becomes of the deployment."""

import pytest
from governed import CAST, WINDOW, approved, changed, declared, deployed, judge, version

from mlmon_dagster.errors import BlockedError, DeniedError, InputError
from mlmon_dagster.governance.roles import MACHINE, PERMITTED
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import fail_deployment, finish_deployment, open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.locks import release_lock, set_lock
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.lifecycle.queries import deployments, live_deployment, promotion
from mlmon_dagster.pipeline.deployment import Gate

ONE = declared()


@pytest.fixture
def ready(governance: Governance) -> Governance:
    """Version 1 is live in dev and staging and judged there."""
    deployed(governance, ONE, "staging", 1)
    return governance


def blocked(governance: Governance, id: str, *expected: str, digest: str | None = None) -> None:
    with pytest.raises(BlockedError) as refusal:
        open_promotion(governance, ONE, id, digest=digest)
    assert refusal.value.hint is not None
    assert all(text in refusal.value.hint for text in expected)
    assert promotion(governance, id).pending


def test_a_closed_gate_lists_everything_that_is_missing(ready: Governance) -> None:
    asked = request_promotion(ready, ONE, "prod", 1, actor="mia")
    judge(ready, "staging", verdict="drift")
    alert = raise_alert(ready, ONE.pipeline, "staging", "inputs", window=WINDOW, reason="drift")
    blocked(ready, asked.id, "0 of 2", "production_team", "check inputs: drift", "check price_ks: drift", alert.id)


def test_a_newer_window_without_verdict_of_a_check_closes_the_gate(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    judge(ready, "staging", window="2026-01-12", checks=("inputs",))
    blocked(ready, asked.id, "check price_ks: was not judged on the latest window 2026-01-12")


def test_an_alert_closes_the_gate_until_it_is_resolved(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    alert = raise_alert(ready, ONE.pipeline, "dev", "inputs", window=WINDOW, reason="drift")
    blocked(ready, asked.id, alert.id)
    resolve_alert(ready, alert.id, actor="max", reason="repaired")
    blocked(ready, asked.id, "no longer count")
    for name in ("pia", "sue"):
        approve(ready, ONE, asked.id, actor=name)
    assert open_promotion(ready, ONE, asked.id).state == "started"


def test_a_digest_that_the_registry_no_longer_confirms_closes_the_gate(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    blocked(ready, asked.id, "unchanged", digest="c" * 64)
    assert open_promotion(ready, ONE, asked.id, digest=asked.digest).digest == asked.digest


def test_a_locked_stage_that_changed_closes_the_gate(ready: Governance) -> None:
    lock = set_lock(ready, ONE.pipeline, "data_preparation", actor="pia")
    other = changed(ONE, "data_preparation", maximum_invalid=0.5)
    asked = request_promotion(ready, other, "prod", 1, actor="mia")
    for name in ("pia", "sue"):
        approve(ready, other, asked.id, actor=name)
    with pytest.raises(BlockedError) as refusal:
        open_promotion(ready, other, asked.id)
    assert f"lock {lock.stage}" in str(refusal.value.hint)
    release_lock(ready, other.pipeline, lock.stage, actor="pia", reason="agreed")
    assert open_promotion(ready, other, asked.id).state == "started"


def test_only_named_checks_count_where_the_gate_names_some(ready: Governance) -> None:
    named = declared(prod=Gate(checks=("inputs",)))
    asked = approved(ready, named, "prod")
    judge(ready, "staging", checks=("inputs",))
    assert open_promotion(ready, named, asked.id).version == 1


def test_a_second_opening_returns_the_same_deployment(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    first = open_promotion(ready, ONE, asked.id)
    assert open_promotion(ready, ONE, asked.id) == first
    assert [one.id for one in deployments(ready) if one.promotion == asked.id] == [first.id]


def test_a_promotion_that_was_carried_out_is_not_opened_again(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    started = open_promotion(ready, ONE, asked.id)
    finish_deployment(ready, started.id, "http://127.0.0.1:9")
    with pytest.raises(BlockedError, match="deployed"):
        open_promotion(ready, ONE, asked.id)


def test_one_deployment_at_a_time_is_under_way(ready: Governance) -> None:
    register_model(ready, ONE.pipeline, version(2), actor=MACHINE)
    register_model(ready, ONE.pipeline, version(3), actor=MACHINE)
    second, third = (request_promotion(ready, ONE, "dev", number, actor="mia") for number in (2, 3))
    started = open_promotion(ready, ONE, second.id)
    with pytest.raises(BlockedError, match="under way"):
        open_promotion(ready, ONE, third.id)
    fail_deployment(ready, started.id, "out of memory")
    assert open_promotion(ready, ONE, third.id).version == 3


def test_success_supersedes_what_was_live(ready: Governance) -> None:
    deployed(ready, ONE, "prod", 1)
    register_model(ready, ONE.pipeline, version(2), actor=MACHINE)
    deployed(ready, ONE, "prod", 2)
    found = {one.version: one.state for one in deployments(ready) if one.environment == "prod"}
    assert found == {1: "superseded", 2: "live"}


def test_failure_leaves_what_was_live(ready: Governance) -> None:
    before = live_deployment(ready, "prices", "dev")
    register_model(ready, ONE.pipeline, version(2), actor=MACHINE)
    asked = request_promotion(ready, ONE, "dev", 2, actor="mia")
    started = open_promotion(ready, ONE, asked.id)
    assert fail_deployment(ready, started.id, "does not start").state == "failed"
    assert live_deployment(ready, "prices", "dev") == before
    assert promotion(ready, asked.id).state == "failed"
    with pytest.raises(BlockedError, match="failed"):
        finish_deployment(ready, started.id, "http://127.0.0.1:9")


def test_ending_twice_records_once(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    started = open_promotion(ready, ONE, asked.id)
    finished = finish_deployment(ready, started.id, "http://127.0.0.1:9")
    entries = ready.ledger.verify()
    assert finish_deployment(ready, started.id, "http://127.0.0.1:9") == finished
    assert ready.ledger.verify() == entries


@pytest.mark.parametrize("name", [*CAST, MACHINE])
def test_who_may_carry_out_a_promotion_to_prod(ready: Governance, name: str) -> None:
    asked = approved(ready, ONE, "prod")
    roles = {"machine"} if name == MACHINE else set(CAST[name])
    if roles & set(PERMITTED["deploy:prod"]):
        assert open_promotion(ready, ONE, asked.id, actor=name).started_by == name
    else:
        with pytest.raises(DeniedError):
            open_promotion(ready, ONE, asked.id, actor=name)


def test_a_promotion_of_another_pipeline_is_refused(ready: Governance) -> None:
    asked = approved(ready, ONE, "prod")
    with pytest.raises(InputError, match="of prices, not of churn"):
        open_promotion(ready, declared("churn"), asked.id)
