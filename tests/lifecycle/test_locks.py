"""Locks of stages."""

import pytest
from governed import changed, declared

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.locks import changed_locks, release_lock, set_lock

ONE = declared()
OTHER = changed(ONE, "data_preparation", maximum_invalid=0.5)


def test_a_change_of_a_locked_stage_is_seen(governance: Governance) -> None:
    lock = set_lock(governance, ONE.pipeline, "data_preparation", actor="pia")
    assert changed_locks(governance, ONE.pipeline) == ()
    assert changed_locks(governance, OTHER.pipeline) == (lock,)


def test_locking_again_changes_nothing_and_never_takes_a_change_over(governance: Governance) -> None:
    lock = set_lock(governance, ONE.pipeline, "data_preparation", actor="pia")
    assert set_lock(governance, ONE.pipeline, "data_preparation", actor=MACHINE) == lock
    with pytest.raises(BlockedError, match="has changed since"):
        set_lock(governance, OTHER.pipeline, "data_preparation", actor=MACHINE)


def test_a_released_stage_may_change_and_be_locked_anew(governance: Governance) -> None:
    set_lock(governance, ONE.pipeline, "data_preparation", actor="pia")
    released = release_lock(governance, OTHER.pipeline, "data_preparation", actor="pat", reason="agreed")
    assert released.seq == governance.ledger.verify()[0]
    assert set_lock(governance, OTHER.pipeline, "data_preparation", actor="pia").digest != released.digest
    assert changed_locks(governance, OTHER.pipeline) == ()


def test_unlocking_is_for_people_of_the_production_team(governance: Governance) -> None:
    set_lock(governance, ONE.pipeline, "data_preparation", actor="pia")
    for name in ("mia", "dan", "max", "sue", MACHINE):
        with pytest.raises(DeniedError):
            release_lock(governance, ONE.pipeline, "data_preparation", actor=name, reason="hurry")


def test_nonsense_is_refused(governance: Governance) -> None:
    with pytest.raises(MissingError, match="data_preparation"):
        set_lock(governance, ONE.pipeline, "data_preperation", actor="pia")
    with pytest.raises(BlockedError, match="not locked"):
        release_lock(governance, ONE.pipeline, "data_preparation", actor="pia", reason="agreed")
    with pytest.raises(InputError, match="reason"):
        release_lock(governance, ONE.pipeline, "data_preparation", actor="pia", reason="")
