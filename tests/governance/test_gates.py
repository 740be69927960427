"""The truth table of gates: every condition alone keeps a gate closed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from governed import START, WINDOW

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.gates import Evidence, GateRule, GateVerdict, evaluate_gate
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.promotions import Approval, Promotion

DIGEST, FILE = "a" * 64, "f" * 64
RULE = GateRule("prod", "staging", 2, ("inputs", "price_ks"), True, ("model_registry",))
PROMOTION = Promotion(
    "promotion-9",
    9,
    "prices",
    "pricing",
    "prod",
    3,
    DIGEST,
    FILE,
    "mia",
    "requested",
    START,
    START + timedelta(hours=24),
)
LIVE = Deployment(
    "deployment-5",
    6,
    "promotion-4",
    "prices",
    "pricing",
    "staging",
    3,
    DIGEST,
    "local",
    "canary",
    "live",
    None,
    START,
    "m",
)
ALERT = Alert("alert-7", 7, "prices", "pricing", "dev", "inputs", "open", WINDOW, 1, "drift", START)
LOCK = Lock("prices/model_registry", 2, "prices", "pricing", "model_registry", "b" * 64, "pia", START)


def judged(check: str, **fields: object) -> Judged:
    told = Judged("prices", "staging", "model_monitoring", WINDOW, check, "ok", "fine", {}, 3, START)
    return replace(told, **fields)  # type: ignore[arg-type]


def approval(name: str, **fields: str) -> Approval:
    return replace(Approval(f"approval-{name}", 1, "promotion-9", name, DIGEST, FILE, START), **fields)  # type: ignore[arg-type]


EVIDENCE = Evidence(
    promotion=PROMOTION,
    now=START + timedelta(hours=1),
    digest=DIGEST,
    pipeline_digest=FILE,
    live_before=LIVE,
    judged={"inputs": judged("inputs"), "price_ks": judged("price_ks")},
    approvals=(approval("pia"), approval("sue")),
    roles={
        "pia": frozenset({"production_team"}),
        "sue": frozenset({"model_sponsor"}),
        "mia": frozenset({"production_team"}),
        "max": frozenset({"monitoring_team"}),
    },
    locks=(LOCK,),
    declared={"model_registry": "b" * 64},
)


def verdict(**fields: object) -> GateVerdict:
    return evaluate_gate(RULE, replace(EVIDENCE, **fields))  # type: ignore[arg-type]


def test_a_gate_opens_when_every_condition_is_met() -> None:
    assert verdict().open
    assert verdict().unmet == ()


def with_check(**fields: object) -> dict[str, Judged]:
    return {"inputs": judged("inputs"), "price_ks": judged("price_ks", **fields)}


CLOSED = {
    "the promotion is over": ("pending", {"promotion": replace(PROMOTION, state="rejected")}),
    "the promotion was opened before": ("pending", {"promotion": replace(PROMOTION, state="opened")}),
    "its time is over": ("in time", {"now": START + timedelta(hours=24)}),
    "the model has another digest": ("unchanged", {"digest": "c" * 64}),
    "the version is not registered": ("unchanged", {"digest": None}),
    "the pipeline file changed": ("unchanged", {"pipeline_digest": "c" * 64}),
    "nothing is live before": ("live in staging", {"live_before": None}),
    "another version is live before": ("live in staging", {"live_before": replace(LIVE, version=2)}),
    "another digest is live before": ("live in staging", {"live_before": replace(LIVE, digest="d" * 64)}),
    "the one before only started": ("live in staging", {"live_before": replace(LIVE, state="started")}),
    "a check found drift": ("check price_ks", {"judged": with_check(verdict="drift")}),
    "a check had no data": ("check price_ks", {"judged": with_check(verdict="no_data")}),
    "a check had too little data": ("check price_ks", {"judged": with_check(verdict="insufficient")}),
    "a check could not be made": ("check price_ks", {"judged": with_check(verdict="error")}),
    "a check gave an unknown verdict": ("check price_ks", {"judged": with_check(verdict="OK")}),
    "a check was never judged": ("check price_ks", {"judged": {"inputs": judged("inputs")}}),
    "a check missed the latest window": ("check price_ks", {"judged": with_check(window="2025-12-29")}),
    "a check was of another version": ("check price_ks", {"judged": with_check(version=2)}),
    "a check was of no version": ("check price_ks", {"judged": with_check(version=None)}),
    "an alert is open": ("no open alert", {"alerts": (ALERT,)}),
    "an alert is known but open": ("no open alert", {"alerts": (replace(ALERT, state="acknowledged"),)}),
    "nobody approved": ("approvals", {"approvals": ()}),
    "one approval is missing": ("approvals", {"approvals": (approval("pia"),)}),
    "one approved twice": ("approvals", {"approvals": (approval("pia"), approval("pia", id="again"))}),
    "the requester approved": ("approvals", {"approvals": (approval("pia"), approval("mia"))}),
    "the machine approved": ("approvals", {"approvals": (approval("pia"), approval("machine:dagster"))}),
    "who approved may not": ("approvals", {"approvals": (approval("pia"), approval("max"))}),
    "who approved lost the role": ("approvals", {"roles": {"pia": frozenset({"production_team"})}}),
    "an approval was of another model": (
        "approvals",
        {"approvals": (approval("pia"), approval("sue", digest="c" * 64))},
    ),
    "an approval was of another file": (
        "approvals",
        {"approvals": (approval("pia"), approval("sue", pipeline_digest="c" * 64))},
    ),
    "an approval was of another promotion": (
        "approvals",
        {"approvals": (approval("pia"), approval("sue", promotion="promotion-1"))},
    ),
    "the production team is silent": (
        "production team",
        {"roles": {"pia": frozenset({"model_sponsor"}), "sue": frozenset({"model_sponsor"})}},
    ),
    "a locked stage changed": ("lock model_registry", {"declared": {"model_registry": "c" * 64}}),
    "a locked stage is gone": ("lock model_registry", {"declared": {}}),
    "a stage to be locked is not": ("lock model_registry", {"locks": ()}),
}


@pytest.mark.parametrize(("condition", "evidence"), CLOSED.values(), ids=CLOSED)
def test_a_gate_stays_closed_when(condition: str, evidence: dict[str, object]) -> None:
    found = verdict(**evidence)
    assert not found.open
    assert condition in [unmet.name for unmet in found.unmet]
    assert all(unmet.detail and unmet.who for unmet in found.unmet)


def test_one_change_leaves_the_other_conditions_as_they_were() -> None:
    for condition, evidence in CLOSED.values():
        unmet = {one.name for one in verdict(**evidence).unmet}
        assert unmet <= {condition, "approvals", "production team"}, evidence


def test_a_resolved_alert_closes_nothing() -> None:
    assert verdict(alerts=(replace(ALERT, state="resolved"),)).open


def test_a_gate_of_staging_or_prod_without_checks_never_opens() -> None:
    found = evaluate_gate(replace(RULE, checks=()), EVIDENCE)
    assert [one.name for one in found.unmet] == ["checks"]


def test_a_gate_without_conditions_is_closed() -> None:
    assert not GateVerdict(()).open


def test_dev_asks_only_that_nothing_changed() -> None:
    dev = GateRule("dev", None, 0, (), False, ("model_registry",))
    bare = replace(EVIDENCE, live_before=None, judged={}, approvals=(), locks=(), alerts=(ALERT,))
    assert evaluate_gate(dev, bare).open
    assert not evaluate_gate(dev, replace(bare, digest="c" * 64)).open


def test_every_condition_is_told_even_when_all_fail() -> None:
    nothing = replace(EVIDENCE, digest=None, pipeline_digest="", live_before=None, judged={}, approvals=(), locks=())
    found = evaluate_gate(RULE, replace(nothing, alerts=(ALERT,)))
    assert len(found.conditions) == len(verdict().conditions)
    assert {one.name for one in found.unmet} == {one.name for one in found.conditions} - {"pending", "in time"}
