"""Projects: how far their pipelines go, and what is left of them."""

import pytest
from governed import approved, declared, deployed, version

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.projects import Project
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.projects import archive_project, restore_project, save_project
from mlmon_dagster.lifecycle.promotions import request_promotion
from mlmon_dagster.lifecycle.rollbacks import roll_back

ONE = declared()


@pytest.fixture
def registered(governance: Governance) -> Governance:
    register_model(governance, ONE.pipeline, version(1), actor=MACHINE)
    return governance


def test_a_project_is_saved_once_and_changed(registered: Governance) -> None:
    settings = {"cost_centre": "4711"}
    made = save_project(registered, "pricing", actor="root", description="houses", settings=settings)
    assert (made.state, made.environments) == ("active", ("dev", "staging", "prod"))
    before = registered.ledger.verify()
    assert (
        save_project(registered, "pricing", actor="root", description="houses", settings={"cost_centre": "4711"})
        == made
    )
    assert registered.ledger.verify() == before
    assert save_project(registered, "pricing", actor="root", environments=["dev"]).environments == ("dev",)
    registered.ledger.verify()


def test_pipelines_go_as_far_as_their_project(registered: Governance) -> None:
    save_project(registered, "pricing", actor="root", environments=["dev", "staging"])
    assert request_promotion(registered, ONE, "staging", 1, actor="mia").environment == "staging"
    with pytest.raises(BlockedError, match="goes to dev, staging"):
        request_promotion(registered, ONE, "prod", 1, actor="mia")


def test_an_archived_project_promotes_nothing_and_still_rolls_back(registered: Governance) -> None:
    save_project(registered, "pricing", actor="root")
    deployed(registered, ONE, "dev", 1)
    deployed(registered, ONE, "dev", 2)
    asked = approved(registered, ONE, "staging", 2)
    archive_project(registered, "pricing", actor="root", reason="product ended")
    with pytest.raises(BlockedError, match="archived: product ended"):
        request_promotion(registered, ONE, "prod", 2, actor="mia")
    with pytest.raises(BlockedError, match="archived"):
        open_promotion(registered, ONE, asked.id)
    assert roll_back(registered, ONE.pipeline, "dev", settings=None, reason="errors", actor="pia").version == 1
    restore_project(registered, "pricing", actor="root", reason="back again")
    assert request_promotion(registered, ONE, "prod", 2, actor="mia").version == 2
    registered.ledger.verify()


def test_only_admins_of_the_project_change_it(registered: Governance) -> None:
    for name in ("mia", "pia", "sue", "max", MACHINE):
        with pytest.raises(DeniedError):
            save_project(registered, "pricing", actor=name)
    save_project(registered, "pricing", actor="root")
    with pytest.raises(DeniedError):
        archive_project(registered, "pricing", actor="pia", reason="no")


def test_nonsense_is_refused(registered: Governance) -> None:
    with pytest.raises(InputError):
        save_project(registered, "Pricing!", actor="root")
    with pytest.raises(InputError, match="in the order"):
        save_project(registered, "pricing", actor="root", environments=["prod"])
    with pytest.raises(MissingError, match="dev, staging, prod"):
        save_project(registered, "pricing", actor="root", environments=["qa"])
    with pytest.raises(InputError, match="setting"):
        save_project(registered, "pricing", actor="root", settings={"Bad Key": "x"})
    with pytest.raises(MissingError):
        archive_project(registered, "pricing", actor="root", reason="no")


def test_an_archived_project_is_not_taken_up_again_by_saving_it(governance: Governance) -> None:
    save_project(governance, "pricing", actor="root")
    archive_project(governance, "pricing", actor="root", reason="over")
    with pytest.raises(BlockedError, match="archived"):
        save_project(governance, "pricing", actor="root", description="anew")
    with governance.ledger.read() as reading:
        assert reading.find(Project)[0].state == "archived"
