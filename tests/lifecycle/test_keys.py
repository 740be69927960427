"""Rotating the key that signs: what the old one signed stays verifiable, by us and without us."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from governed import Clock, governed
from witnessed import notary

from mlmon_dagster import mlmon_verify
from mlmon_dagster.adapters.checkpoints.export import export_checkpoints
from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.adapters.signing import Ed25519Signer
from mlmon_dagster.errors import DeniedError, InputError, TamperedError
from mlmon_dagster.governance.audit import Sealed
from mlmon_dagster.governance.checkpoints import Key
from mlmon_dagster.lifecycle.checkpoints import Notary, verify_checkpoints, write_checkpoint
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.keys import keys_of, rotate_key, signing_keys
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.witness import WitnessedLedger


def signer(number: int) -> Ed25519Signer:
    return Ed25519Signer(lambda: bytes([number]) * 32)


@pytest.fixture
def governance(database: Database, clock: Clock) -> Governance:
    return governed(database, clock)


@pytest.fixture
def old(governance: Governance, tmp_path: Path) -> Notary:
    found = notary(tmp_path / "checkpoints")
    write_checkpoint(governance.ledger, found, governance.now())
    return found


def rotated(governance: Governance, before: Notary, number: int) -> Notary:
    rotate_key(governance, before, signer(number), actor="root", reason="a year is over")
    return Notary(before.name, signer(number), before.stores)


def test_the_old_key_signs_the_entry_that_introduces_the_new_one(governance: Governance, old: Notary) -> None:
    new = rotated(governance, old, 7)
    first, last = (list(old.stores[0].notes())[place] for place in (-2, -1))
    assert f"{old.name} " in first
    size = governance.ledger.verify()[0]
    assert first.split("\n")[1] == last.split("\n")[1] == str(size)
    with pytest.raises(TamperedError):
        replace(new).__class__(new.name, old.signer, new.stores).newest()
    assert new.newest() is not None
    with governance.ledger.read() as reading:
        [line] = reading.entries(action="key.introduced")
    assert (line.entry.actor, line.entry.data["key"], line.entry.data["before"]) == ("root", str(new.key), str(old.key))


def test_what_every_key_signed_verifies_from_the_first_one_on(governance: Governance, old: Notary) -> None:
    second = rotated(governance, old, 7)
    grant_role(governance, "zoe", "ml_engineer", actor="root")
    third = rotated(governance, second, 8)
    assert (
        verify_checkpoints(governance.ledger, third).checkpoints
        == verify_checkpoints(governance.ledger, third, [old.key]).checkpoints
    )
    assert keys_of(governance.ledger, third.key) == (old.key, second.key, third.key)
    assert [one.present for one in signing_keys(governance.ledger, third.key)] == [False, False, True]
    stranger = Key(old.name, signer(9).public)
    with pytest.raises(TamperedError):
        verify_checkpoints(governance.ledger, third, [stranger])


def test_an_auditor_with_the_first_key_follows_without_us(governance: Governance, old: Notary, tmp_path: Path) -> None:
    import json

    new = rotated(governance, rotated(governance, old, 7), 8)
    grant_role(governance, "zoe", "ml_engineer", actor="root")
    write_checkpoint(governance.ledger, new, governance.now())
    file = tmp_path / "audit.jsonl"

    def exported(lines: list[Sealed]) -> None:
        bodies = ({"seq": o.seq, "payload": o.payload.decode(), "leaf": o.leaf, "hash": o.hash} for o in lines)
        file.write_text("".join(json.dumps(body) + "\n" for body in bodies), encoding="utf-8")

    exported(list(governance.ledger.lines()))
    folder, _ = export_checkpoints(new.stores[0], old.key, file)

    def verify(key: Key) -> "subprocess.CompletedProcess[str]":
        command = [
            sys.executable,
            str(mlmon_verify.__file__),
            str(file),
            "--checkpoints",
            str(folder),
            "--key",
            str(key),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = verify(old.key)
    assert done.returncode == 0, done.stderr
    assert "checkpoints agree" in done.stdout
    assert verify(new.key).returncode == 1, "the last key says nothing of what came before it"
    exported(list(governance.ledger.lines())[:-1])
    assert verify(old.key).returncode == 1


def test_a_key_that_a_rewritten_log_introduces_signs_nothing_that_was_kept(governance: Governance, old: Notary) -> None:
    """Somebody who owns the database names an own key; the checkpoints outside are by other keys."""
    new = rotated(governance, old, 7)
    thief = Notary(old.name, signer(66), old.stores)
    with pytest.raises(TamperedError):
        verify_checkpoints(governance.ledger, thief)
    assert verify_checkpoints(governance.ledger, new).checkpoints


def test_a_rotation_that_was_interrupted_goes_on(governance: Governance, old: Notary) -> None:
    class Full:
        """A place that fails for the second note."""

        def __init__(self) -> None:
            self.puts = 0

        def __getattr__(self, name: str) -> object:
            return getattr(old.stores[0], name)

        def put(self, size: int, note: str, leaves: bytes) -> None:
            self.puts += 1
            if self.puts == 2:
                raise InputError("the disk is full")
            old.stores[0].put(size, note, leaves)

    broken = Notary(old.name, old.signer, [Full()])  # type: ignore[list-item]
    with pytest.raises(InputError):
        rotated(governance, broken, 7)
    new = rotated(governance, old, 7)
    with governance.ledger.read() as reading:
        assert len(reading.entries(action="key.introduced")) == 1
    assert new.newest() is not None
    assert rotated(governance, old, 7).newest() == new.newest(), "a third time changes nothing"


def test_a_running_process_goes_on_with_the_new_key(tmp_path: Path) -> None:
    """Two processes on one database: this one rotates the key, the other has been signing and is not restarted."""
    from command_line import Office

    office = Office(tmp_path)
    assert office("members", "grant", "root", "admin", "--as", "root").code == 0
    home = {**os.environ, "MLMON_HOME": str(tmp_path / ".mlmon")}
    other = subprocess.Popen(
        [sys.executable, "-c", SIGNING],
        env=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert other.stdin is not None
    assert other.stdout is not None

    def signed() -> str:
        print("zoe", file=other.stdin, flush=True)
        return other.stdout.readline().strip()  # type: ignore[union-attr]

    try:
        first = signed()
        rotated = office("audit", "keys", "rotate", "--reason", "a year is over", "--as", "root", "--json")
        assert rotated.code == 0, rotated.err
        assert rotated.document["before"] == first
        assert signed() == rotated.document["id"] != first
        assert office("members", "grant", "max", "ml_engineer", "--as", "root").code == 0
        assert signed() == rotated.document["id"]
        verified = office("audit", "verify")
        assert verified.code == 0, verified.err
    finally:
        other.kill()
        other.communicate()


SIGNING = """
import sys
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.resources.governance import open_office
from mlmon_dagster.settings import read_settings

office = open_office(read_settings())
for number, name in enumerate(sys.stdin):
    grant_role(office.governance, f"zoe{number}", "ml_engineer", actor="root")
    office.ledger.sign()
    print(office.notary.key, flush=True)
"""


def test_a_process_that_signed_while_the_key_was_rotated_stops_nobody(governance: Governance, old: Notary) -> None:
    new = rotated(governance, old, 7)
    grant_role(governance, "zoe", "ml_engineer", actor="root")
    write_checkpoint(governance.ledger, replace(old, others=[new.key]), governance.now())
    with pytest.raises(TamperedError):
        new.newest()
    witnessed = WitnessedLedger(governance.ledger, new, governance.now)
    grant_role(governance, "ada", "ml_engineer", actor="root")
    assert witnessed.sign() == new.newest()
    assert witnessed.sign_if_due() == new.newest()
    assert verify_checkpoints(governance.ledger, new, [old.key]).uncovered == 0


def test_a_checkpoint_by_a_stranger_is_still_refused(governance: Governance, old: Notary) -> None:
    new = rotated(governance, old, 7)
    thief = Notary(old.name, signer(66), old.stores, [new.key])
    grant_role(governance, "zoe", "ml_engineer", actor="root")
    write_checkpoint(governance.ledger, thief, governance.now())
    with pytest.raises(TamperedError):
        WitnessedLedger(governance.ledger, new, governance.now).sign()
    with pytest.raises(TamperedError):
        WitnessedLedger(governance.ledger, new, governance.now).sign_if_due()


def test_only_admins_rotate_with_a_reason_and_another_key(governance: Governance, old: Notary) -> None:
    with pytest.raises(DeniedError):
        rotate_key(governance, old, signer(7), actor="pia", reason="mine")
    with pytest.raises(InputError):
        rotate_key(governance, old, signer(7), actor="root", reason=" ")
    with pytest.raises(InputError):
        rotate_key(governance, old, old.signer, actor="root", reason="again")
