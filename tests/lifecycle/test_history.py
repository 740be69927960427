"""The state of governance at any moment, and the examination of the log."""

from datetime import timedelta
from pathlib import Path

from governed import START, Clock, declared, deployed, governed
from witnessed import notary

from mlmon_dagster.adapters.database.engine import connected
from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.checkpoints import write_checkpoint
from mlmon_dagster.lifecycle.history import as_of
from mlmon_dagster.lifecycle.members import revoke_role
from mlmon_dagster.lifecycle.soundness import examine

ONE = declared()
BODY = {
    "pipeline": "prices",
    "stages": {
        "model_monitoring": {"monitors": {"price_ks": {"use": "ks", "threshold": "0.1"}}},
        "model_deployment": {"prod": {"target": "local", "gate": {"approvals": 3}}},
    },
}


def test_every_moment_is_rebuilt_from_the_log(database: Database) -> None:
    from dataclasses import replace

    clock, one = Clock(), replace(ONE, body=BODY)
    governance = governed(database, clock)
    clock.pass_(hours=1)
    deployed(governance, one, "dev", 1)
    clock.pass_(hours=1)
    alert = raise_alert(governance, one.pipeline, "dev", "inputs", window=None, reason="drift")
    revoke_role(governance, "sol", "model_sponsor", actor="root")
    clock.pass_(hours=1)
    resolve_alert(governance, alert.id, actor="max", reason="repaired")
    deployed(governance, one, "dev", 2)

    past = [as_of(governance, START + timedelta(hours=hours, minutes=30)) for hours in (-1, 0, 1, 2, 3)]
    assert [[live.version for live in one.champions] for one in past] == [[], [], [1], [1], [2]]
    assert [len(one.alerts) for one in past] == [0, 0, 0, 1, 0]
    assert [one.approvers.get("*", ()) for one in past[1:4:2]] == [
        ("pat", "pia", "root", "sol", "sue"),
        ("pat", "pia", "root", "sue"),
    ]
    assert past[0].seq == 0
    assert past[4].seq == governance.ledger.verify()[0]
    assert past[2].thresholds["prices"] == {
        "gates": {"prod": {"approvals": 3}},
        "monitors": {"price_ks": {"use": "ks", "threshold": "0.1"}},
    }


def test_an_examination_says_which_part_is_sound(database: Database, tmp_path: Path) -> None:
    clock, seals = Clock(), notary(tmp_path / "checkpoints")
    governance = governed(database, clock)

    def unsound(*problems: str) -> list[str]:
        return [one.part for one in examine(governance, seals, lambda: list(problems)) if not one.sound]

    assert unsound() == ["checkpoints", "signing"]
    write_checkpoint(database.ledger, seals, clock.time)
    assert unsound() == []
    clock.pass_(minutes=4)
    assert unsound("a trigger is missing") == ["signing", "guards"]
    write_checkpoint(database.ledger, seals, clock.time)
    with connected(database.engine, writes=True) as connection:
        connection.exec_driver_sql("DELETE FROM members WHERE name = 'mia'")
    assert unsound() == ["tables"]
