"""When the deployment of a promotion is asked for."""

import dagster as dg
import pytest
from governed import Clock, approved, declared, deployed

from mlmon_dagster.errors import BlockedError
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.promotions import approve
from mlmon_dagster.sensors.gates import asked_for

ONE = declared()


def keys(governance: Governance) -> list[str | None]:
    told = asked_for(governance, {"prices": ONE}, ("dev", "staging", "prod"))
    return [one.run_key for one in told if isinstance(one, dg.RunRequest)]


def test_an_open_gate_is_asked_for_under_one_key(governance: Governance) -> None:
    deployed(governance, ONE, "staging", 1)
    assert keys(governance) == []
    asked = approved(governance, ONE, "prod")
    (key,) = keys(governance)
    assert key is not None
    assert key.startswith(f"promote:{asked.id}:")
    assert keys(governance) == [key]


def test_a_run_that_was_lost_before_it_opened_the_gate_is_followed_by_another(
    governance: Governance, clock: Clock
) -> None:
    deployed(governance, ONE, "staging", 1)
    approved(governance, ONE, "prod")
    first = keys(governance)
    clock.pass_(minutes=14)
    assert keys(governance) == first
    clock.pass_(minutes=2)
    second = keys(governance)
    assert len(second) == 1
    assert second != first


def test_a_gate_that_closed_before_the_run_and_opened_again_is_asked_for_anew(governance: Governance) -> None:
    deployed(governance, ONE, "staging", 1)
    asked = approved(governance, ONE, "prod")
    before = keys(governance)
    alert = raise_alert(governance, ONE.pipeline, "staging", "inputs", window=None, reason="drift")
    with pytest.raises(BlockedError):
        open_promotion(governance, ONE, asked.id)
    assert keys(governance) == []
    resolve_alert(governance, alert.id, actor="max", reason="repaired")
    for name in ("pia", "sue"):
        approve(governance, ONE, asked.id, actor=name)
    after = keys(governance)
    assert len(after) == 1
    assert after != before
