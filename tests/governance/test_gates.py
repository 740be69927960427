"""The truth table of gates: every condition alone keeps a gate closed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from governed import START, WINDOW

from mlmon_dagster.governance.alerts import Alert
from mlmon_dagster.governance.check import Judged
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.findings import Finding
from mlmon_dagster.governance.gates import Evidence, GateRule, GateVerdict, evaluate_gate
from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.overrides import Override, in_force
from mlmon_dagster.governance.promotions import Approval, Promotion, Setback

DIGEST, FILE, COMMIT = "a" * 64, "f" * 64, "c" * 40
LATER, UNTIL, OVER = (START + timedelta(hours=hours) for hours in (1, 2, 25))
RULE = GateRule(
    "prod",
    "staging",
    2,
    ("inputs", "price_ks"),
    True,
    ("model_registry",),
    soak=timedelta(hours=2),
    monitored_within=timedelta(days=2),
    tests=("integration",),
    statuses=("ci",),
)
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
    git_commit=COMMIT,
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
    START - timedelta(days=1),
    "m",
    succeeded_at=START - timedelta(hours=1),
)
ALERT = Alert("alert-7", 7, "prices", "pricing", "dev", "inputs", "open", WINDOW, 1, "drift", START)
LOCK = Lock("prices/model_registry", 2, "prices", "pricing", "model_registry", "b" * 64, "pia", START)


def judged(check: str, **fields: object) -> Judged:
    told = Judged("prices", "staging", "model_monitoring", WINDOW, check, "ok", "fine", {}, 3, START)
    return replace(told, **fields)  # type: ignore[arg-type]


def approval(name: str, **fields: str) -> Approval:
    return replace(Approval(f"approval-{name}", 1, "promotion-9", name, DIGEST, FILE, START, "", COMMIT), **fields)  # type: ignore[arg-type]


def finding(name: str, *, passed: bool = True) -> Finding:
    return Finding(f"prices/x/{name}", 1, "prices", "pricing", "x", name, passed, "all of it", None, "ci", START)


EVIDENCE = Evidence(
    promotion=PROMOTION,
    now=LATER,
    digest=DIGEST,
    pipeline_digest=FILE,
    git_commit=COMMIT,
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
    findings={
        name: Finding(name, 1, "prices", "pricing", "x", name, True, "", None, "ci", START)
        for name in ("ci", "integration")
    },
)


def verdict(**fields: object) -> GateVerdict:
    return evaluate_gate(RULE, replace(EVIDENCE, **fields))  # type: ignore[arg-type]


def test_a_gate_opens_when_every_condition_is_met() -> None:
    assert verdict().open
    assert verdict().unmet == ()


def with_check(**fields: object) -> dict[str, Judged]:
    return {"inputs": judged("inputs"), "price_ks": judged("price_ks", **fields)}


def found(name: str, *, passed: bool) -> dict[str, object]:
    return {"findings": {**EVIDENCE.findings, name: finding(name, passed=passed)}}


CLOSED = {
    "the promotion is over": ("pending", {"promotion": replace(PROMOTION, state="rejected")}),
    "the promotion was opened before": ("pending", {"promotion": replace(PROMOTION, state="opened")}),
    "its time is over": ("in time", {"now": START + timedelta(hours=24)}),
    "the model has another digest": ("unchanged", {"digest": "c" * 64}),
    "the version is not registered": ("unchanged", {"digest": None}),
    "the code changed": ("unchanged", {"git_commit": "e" * 40}),
    "the code left its repository": ("unchanged", {"git_commit": ""}),
    "the version is live for too short a time": (
        "soak time",
        {"live_before": replace(LIVE, succeeded_at=START - timedelta(minutes=59))},
    ),
    "the verdicts are old": ("monitoring is fresh", {"judged": with_check(at=START - timedelta(days=3))}),
    "the test of the version failed": ("test integration", found("integration", passed=False)),
    "the test was never made": ("test integration", {"findings": {"ci": finding("ci")}}),
    "the commit's status is red": ("status ci", found("ci", passed=False)),
    "the commit has no status": ("status ci", {"findings": {"integration": finding("integration")}}),
    "an approval was of another commit": (
        "approvals",
        {"approvals": (approval("pia"), approval("sue", git_commit="e" * 40))},
    ),
    "a person approved under two names": (
        "approvals",
        {"approvals": (approval("pia"), approval("sue")), "names": {"sue": "pia"}},
    ),
    "the requester approved under another name": ("approvals", {"names": {"sue": "mia"}}),
    "the requester asked under another name": ("approvals", {"names": {"mia": "sue"}}),
    "the evidence became worse after an approval": ("approvals", {"setbacks": (Setback("inputs", LATER),)}),
    "an alert was raised after an approval": ("approvals", {"setbacks": (Setback("alert-2", START, 2),)}),
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


CONSEQUENCES = {"live in staging": {"soak time"}, "check price_ks": {"monitoring is fresh"}}


def test_one_change_leaves_the_other_conditions_as_they_were() -> None:
    for condition, evidence in CLOSED.values():
        unmet = {one.name for one in verdict(**evidence).unmet}
        assert unmet <= {condition, "approvals", "production team"} | CONSEQUENCES.get(condition, set()), evidence


def test_what_was_worse_before_an_approval_leaves_it_standing() -> None:
    assert verdict(setbacks=(Setback("inputs", START), Setback("alert-1", LATER, 1))).open


def override(**fields: object) -> Override:
    told = Override(
        "override-7",
        7,
        "promotion-9",
        "prices",
        "pricing",
        "prod",
        "granted",
        "root",
        "fire",
        LATER + timedelta(hours=1),
        "ada",
    )
    return replace(told, **fields)  # type: ignore[arg-type]


def test_an_override_takes_the_place_of_conditions_and_says_so() -> None:
    bare = verdict(override=override(), approvals=(), judged={}, live_before=None, alerts=(ALERT,), findings={})
    assert bare.open
    taken = [one for one in bare.conditions if one.overridden]
    assert {one.name for one in taken} >= {"approvals", "no open alert", "live in staging", "check inputs"}
    assert all("overridden by root and ada: fire" in one.detail for one in taken)


@pytest.mark.parametrize(
    "evidence",
    [{"digest": "c" * 64}, {"pipeline_digest": ""}, {"git_commit": ""}, {"now": START + timedelta(hours=25)}],
)
def test_an_override_never_takes_the_place_of_what_was_asked_for(evidence: dict[str, object]) -> None:
    assert not verdict(override=override(), **evidence).open


def test_an_override_counts_for_its_own_promotion_while_it_lasts() -> None:
    now = START + timedelta(minutes=30)
    assert in_force([override()], "promotion-9", now) is not None
    for other in (override(promotion="promotion-8"), override(state="proposed"), override(until=now)):
        assert in_force([other], "promotion-9", now) is None


def test_the_digest_of_the_evidence_leaves_consent_out() -> None:
    assert verdict().digest == verdict(approvals=()).digest
    assert verdict().digest != verdict(judged=with_check(verdict="drift")).digest


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
    found = evaluate_gate(RULE, replace(nothing, alerts=(ALERT,), findings={}))
    assert len(found.conditions) == len(verdict().conditions)
    assert {one.name for one in found.unmet} == {one.name for one in found.conditions} - {"pending", "in time"}
