"""Requesting, approving, rejecting and expiring promotions."""

import pytest
from governed import CAST, Clock, changed, declared, deployed, judge, version

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE, PERMITTED
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.members import revoke_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import approve, expire_promotions, reject, request_promotion
from mlmon_dagster.lifecycle.queries import gate_verdict, pending_promotions, promotion

ONE = declared()


@pytest.fixture
def registered(governance: Governance) -> Governance:
    register_model(governance, ONE.pipeline, version(1), actor=MACHINE)
    register_model(governance, ONE.pipeline, version(2), actor=MACHINE)
    return governance


def test_dev_defaults_to_the_newest_version(registered: Governance) -> None:
    assert request_promotion(registered, ONE, "dev", None, actor="mia").version == 2


def test_other_environments_default_to_the_version_live_before(registered: Governance) -> None:
    deployed(registered, ONE, "dev", 1)
    assert request_promotion(registered, ONE, "staging", None, actor="mia").version == 1


def test_nothing_live_before_is_told(registered: Governance) -> None:
    with pytest.raises(BlockedError, match="live in dev"):
        request_promotion(registered, ONE, "staging", None, actor="mia")


def test_asking_again_returns_the_pending_promotion_and_records_nothing(registered: Governance) -> None:
    first = request_promotion(registered, ONE, "dev", 1, actor="mia")
    entries = registered.ledger.verify()
    assert request_promotion(registered, ONE, "dev", 1, actor="dan") == first
    assert registered.ledger.verify() == entries


def test_asking_while_it_is_being_deployed_returns_it(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "dev", 1, actor="mia")
    open_promotion(registered, ONE, asked.id)
    assert request_promotion(registered, ONE, "dev", 1, actor="mia").id == asked.id


def test_a_version_that_is_live_there_is_not_promoted_again(registered: Governance) -> None:
    deployed(registered, ONE, "dev", 1)
    with pytest.raises(BlockedError, match="live in dev already"):
        request_promotion(registered, ONE, "dev", 1, actor="mia")


def test_an_unknown_version_or_environment_is_told_with_the_known_ones(registered: Governance) -> None:
    with pytest.raises(MissingError, match="known: 1, 2"):
        request_promotion(registered, ONE, "dev", 9, actor="mia")
    with pytest.raises(MissingError, match="dev, staging, prod"):
        request_promotion(registered, ONE, "qa", 1, actor="mia")


@pytest.mark.parametrize("name", CAST)
@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_who_may_request(registered: Governance, name: str, environment: str) -> None:
    if set(CAST[name]) & set(PERMITTED[f"request:{environment}"]):
        assert request_promotion(registered, ONE, environment, 1, actor=name).requester == name
    else:
        with pytest.raises(DeniedError):
            request_promotion(registered, ONE, environment, 1, actor=name)


def test_the_machine_never_asks_for_prod(registered: Governance) -> None:
    with pytest.raises(DeniedError):
        request_promotion(registered, ONE, "prod", 1, actor=MACHINE)


@pytest.mark.parametrize("name", [*CAST, MACHINE])
def test_who_may_approve(registered: Governance, name: str) -> None:
    asked = request_promotion(registered, ONE, "prod", 1, actor="dan")
    if set(CAST.get(name, ())) & set(PERMITTED["approve"]):
        assert approve(registered, ONE, asked.id, actor=name).state == "requested"
    else:
        with pytest.raises(DeniedError):
            approve(registered, ONE, asked.id, actor=name)


def test_nobody_approves_an_own_request(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "prod", 1, actor="pia")
    with pytest.raises(DeniedError, match="requested by pia"):
        approve(registered, ONE, asked.id, actor="pia")


@pytest.mark.parametrize(
    ("approvers", "state"),
    [
        (("pia",), "requested"),
        (("pia", "pia"), "requested"),
        (("sue", "sol"), "requested"),
        (("sue", "sol", "pat"), "approved"),
        (("pia", "sue"), "approved"),
        (("pia", "pat"), "approved"),
    ],
)
def test_prod_needs_two_people_and_one_of_the_production_team(
    registered: Governance, approvers: tuple[str, ...], state: str
) -> None:
    asked = request_promotion(registered, ONE, "prod", 1, actor="mia")
    for name in approvers:
        asked = approve(registered, ONE, asked.id, actor=name)
    assert asked.state == state


def test_a_changed_pipeline_file_lapses_the_promotion(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "staging", 1, actor="mia")
    other = changed(ONE, "data_preparation", maximum_invalid=0.5)
    with pytest.raises(BlockedError, match="lapsed"):
        approve(registered, other, asked.id, actor="pia")
    again = request_promotion(registered, other, "staging", 1, actor="mia")
    assert again.id != asked.id
    assert promotion(registered, asked.id).state == "lapsed"


def test_an_approval_counts_only_while_its_giver_may_approve(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "staging", 1, actor="mia")
    approve(registered, ONE, asked.id, actor="sue")
    assert "approvals" not in unmet(registered, asked.id)
    revoke_role(registered, "sue", "model_sponsor", actor="root")
    assert "approvals" in unmet(registered, asked.id)


def unmet(governance: Governance, id: str) -> list[str]:
    return [one.name for one in gate_verdict(governance, ONE, promotion(governance, id)).unmet]


def test_a_rejected_promotion_is_over(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "staging", 1, actor="mia")
    assert reject(registered, asked.id, actor="sue", reason="not yet").state == "rejected"
    for command in (
        lambda: approve(registered, ONE, asked.id, actor="pia"),
        lambda: reject(registered, asked.id, actor="pia", reason="again"),
        lambda: open_promotion(registered, ONE, asked.id),
    ):
        with pytest.raises(BlockedError, match="rejected"):
            command()


def test_only_approvers_and_the_requester_reject(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "staging", 1, actor="mia")
    with pytest.raises(DeniedError):
        reject(registered, asked.id, actor="dan", reason="mine is better")
    with pytest.raises(InputError, match="reason"):
        reject(registered, asked.id, actor="mia", reason=" ")
    assert reject(registered, asked.id, actor="mia", reason="withdrawn").state == "rejected"


def test_time_ends_a_promotion(registered: Governance, clock: Clock) -> None:
    asked = request_promotion(registered, ONE, "staging", 1, actor="mia")
    clock.pass_(hours=23, minutes=59)
    assert expire_promotions(registered) == ()
    clock.pass_(minutes=1)
    with pytest.raises(BlockedError, match="expired"):
        approve(registered, ONE, asked.id, actor="pia")
    assert pending_promotions(registered) == ()
    assert [one.id for one in expire_promotions(registered)] == [asked.id]
    assert expire_promotions(registered) == ()
    assert request_promotion(registered, ONE, "staging", 1, actor="mia").id != asked.id


def test_an_expired_promotion_is_replaced_when_it_is_asked_for_again(registered: Governance, clock: Clock) -> None:
    asked = request_promotion(registered, ONE, "dev", 1, actor="mia")
    clock.pass_(hours=25)
    assert request_promotion(registered, ONE, "dev", 1, actor="mia").id != asked.id
    assert promotion(registered, asked.id).state == "expired"


def test_an_unknown_promotion_is_told_with_the_pending_ones(registered: Governance) -> None:
    asked = request_promotion(registered, ONE, "dev", 1, actor="mia")
    with pytest.raises(MissingError, match=asked.id):
        approve(registered, ONE, "promotion-0", actor="pia")


def test_a_model_version_never_changes(registered: Governance) -> None:
    entries = registered.ledger.verify()
    register_model(registered, ONE.pipeline, version(1), actor=MACHINE)
    assert registered.ledger.verify() == entries
    with pytest.raises(BlockedError, match="never changes"):
        register_model(registered, ONE.pipeline, version(1, digest="c" * 64), actor=MACHINE)


def test_the_road_to_prod(registered: Governance) -> None:
    assert deployed(registered, ONE, "prod", 1).state == "live"
    judge(registered, "prod")
    registered.ledger.verify()
