"""Checkpoints: what they show of a log that somebody rewrote, and when they are written."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from governed import START, Clock, governed
from witnessed import notary

from mlmon_dagster import mlmon_verify
from mlmon_dagster.adapters.checkpoints.export import export_checkpoints
from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.errors import MlmonError, TamperedError
from mlmon_dagster.governance.audit import GENESIS, Sealed, seal
from mlmon_dagster.governance.merkle import root_of
from mlmon_dagster.lifecycle.checkpoints import ENTRIES, Notary, verify_checkpoints, write_checkpoint
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.proofs import prove
from mlmon_dagster.lifecycle.witness import WitnessedLedger
from mlmon_dagster.ports import Reading


class Paper:
    """A ledger of lines in memory, as somebody who owns the database could leave it."""

    def __init__(self, lines: Sequence[Sealed]) -> None:
        self._lines = list(lines)

    @contextmanager
    def read(self) -> Iterator["Paper"]:
        yield self

    def line(self, seq: int) -> Sealed:
        return next(line for line in self._lines if line.seq == seq)

    def lines(self, *, after: int = 0) -> Iterator[Sealed]:
        return (line for line in self._lines if line.seq > after)

    def skew(self) -> timedelta:
        return timedelta(0)


def rechained(lines: Sequence[Sealed]) -> list[Sealed]:
    """The same payloads, numbered and chained anew: nothing in the database itself would show it."""
    previous, again = GENESIS, []
    for seq, line in enumerate(lines, 1):
        again.append(seal(replace(line.entry, seq=seq), previous))
        previous = again[-1].hash
    return again


@pytest.fixture
def signed(database: Database, tmp_path: Path) -> tuple[list[Sealed], Notary]:
    """Twenty entries with checkpoints at 8, 13 and 20."""
    clock, seals = Clock(), notary(tmp_path / "checkpoints")
    governance = governed(database, clock)
    for number in range(12):
        if number in (0, 5):
            write_checkpoint(database.ledger, seals, clock.time)
        grant_role(governance, f"person{number}", "ml_engineer", actor="root")
    write_checkpoint(database.ledger, seals, clock.time)
    return list(database.ledger.lines()), seals


def edited(lines: list[Sealed], seq: int, **fields: object) -> list[Sealed]:
    entry = replace(lines[seq - 1].entry, **fields)
    return [*lines[: seq - 1], replace(lines[seq - 1], payload=seal(entry, GENESIS).payload), *lines[seq:]]


def first_rechained(lines: list[Sealed]) -> list[Sealed]:
    return rechained(edited(lines, 1, actor="eve"))


def inserted(lines: list[Sealed]) -> list[Sealed]:
    return rechained([*lines[:10], lines[4], *lines[10:]])


def removed(lines: list[Sealed]) -> list[Sealed]:
    return rechained([*lines[:15], *lines[16:]])


def swapped(lines: list[Sealed]) -> list[Sealed]:
    return rechained([*lines[:10], lines[11], lines[10], *lines[12:]])


def twice(lines: list[Sealed]) -> list[Sealed]:
    """Rewritten from 3 on, and clumsily broken at 17: the first is what counts."""
    forged = rechained(edited(lines, 3, role="model_sponsor"))
    return [*forged[:16], replace(forged[16], hash=GENESIS), *forged[17:]]


TAMPERED: dict[str, tuple[Callable[[list[Sealed]], list[Sealed]], int]] = {
    "an edited entry": (lambda lines: edited(lines, 7, actor="eve"), 7),
    "an edited hash": (lambda lines: [*lines[:4], replace(lines[4], hash=GENESIS), *lines[5:]], 5),
    "an edited leaf": (lambda lines: [*lines[:4], replace(lines[4], leaf=GENESIS), *lines[5:]], 5),
    "a removed entry": (lambda lines: [*lines[:8], *lines[9:]], 9),
    "swapped entries": (lambda lines: [*lines[:8], lines[9], lines[8], *lines[10:]], 9),
    "a cut tail": (lambda lines: lines[:17], 18),
    "a tail cut to the checkpoint before": (lambda lines: lines[:13], 14),
    "a log that begins later": (lambda lines: lines[3:], 1),
    "an emptied log": (lambda lines: [], 1),
    "an edited entry, all chained anew": (lambda lines: rechained(edited(lines, 7, actor="eve")), 7),
    "the first entry edited, all chained anew": (first_rechained, 1),
    "the last entry edited and chained anew": (lambda lines: rechained(edited(lines, 20, role="boss")), 20),
    "a back-dated entry, all chained anew": (inserted, 11),
    "a removed entry, all chained anew": (removed, 16),
    "swapped entries, all chained anew": (swapped, 11),
    "two changes, the later one clumsy": (twice, 3),
}


@pytest.mark.parametrize(("tamper", "seq"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_is_found_at_the_first_entry_that_was_changed(
    signed: tuple[list[Sealed], Notary], tamper: Callable[[list[Sealed]], list[Sealed]], seq: int, tmp_path: Path
) -> None:
    lines, seals = signed
    forged = tamper(list(lines))
    with pytest.raises(TamperedError) as found:
        verify_checkpoints(Paper(forged), seals)
    assert found.value.seq == seq
    assert f"entry {seq}" in found.value.message
    code, said = offline(forged, seals, tmp_path)
    assert code == 1
    assert f"entry {seq} " in said


def offline(lines: Sequence[Sealed], seals: Notary, folder: Path) -> tuple[int, str]:
    """What the verifier says that an auditor runs, with nothing of ours installed."""
    file = folder / "audit.jsonl"
    body = [{"seq": one.seq, "payload": one.payload.decode(), "leaf": one.leaf, "hash": one.hash} for one in lines]
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in body), encoding="utf-8")
    kept, verifier = export_checkpoints(seals.stores[0], seals.key, file)
    command = [sys.executable, "-I", "-S", str(verifier), str(file), "--checkpoints", str(kept)]
    answer = subprocess.run([*command, "--key", str(seals.key)], capture_output=True, text=True, check=False)
    return answer.returncode, answer.stdout + answer.stderr


def test_a_log_that_was_left_alone_agrees_with_its_checkpoints(
    signed: tuple[list[Sealed], Notary], tmp_path: Path
) -> None:
    lines, seals = signed
    covered = verify_checkpoints(Paper(lines), seals)
    assert (covered.entries, covered.hash, covered.checkpoints, covered.uncovered) == (20, lines[-1].hash, 3, 0)
    code, said = offline(lines, seals, tmp_path)
    assert (code, "3 checkpoints agree, the last covers 20 entries" in said) == (0, True)


def test_a_random_rewriting_is_found_where_it_begins(signed: tuple[list[Sealed], Notary]) -> None:
    """Every single entry, edited in one byte, bare and chained anew."""
    lines, seals = signed
    for seq in range(1, 21):
        for forged in (edited(lines, seq, subject=f"s{seq}x"), rechained(edited(lines, seq, subject=f"s{seq}x"))):
            with pytest.raises(TamperedError) as found:
                verify_checkpoints(Paper(forged), seals)
            assert found.value.seq == seq


def test_a_thousand_random_changes_are_found_where_they_begin(signed: tuple[list[Sealed], Notary]) -> None:
    """A flipped bit of a payload, hash or leaf, a lost, doubled or swapped entry; bare, or chained anew."""
    lines, seals = signed
    chance = random.Random(7)
    for number in range(1000):
        seq, other = sorted(chance.sample(range(1, 21), 2))
        kind = chance.choice(("payload", "hash", "leaf", "lost", "doubled", "swapped", "anew"))
        forged = list(lines)
        if kind in ("payload", "anew"):
            forged = edited(lines, seq, subject=f"s{chance.random()}")
            forged = rechained(forged) if kind == "anew" else forged
        elif kind in ("hash", "leaf"):
            forged[seq - 1] = replace(lines[seq - 1], **{kind: f"{chance.getrandbits(256):064x}"})
        elif kind == "lost":
            del forged[seq - 1]
        elif kind == "doubled":
            forged.insert(seq, lines[seq - 1])
            seq += 1
        else:
            forged[seq - 1], forged[other - 1] = lines[other - 1], lines[seq - 1]
        with pytest.raises(TamperedError) as found:
            verify_checkpoints(Paper(forged), seals)
        assert found.value.seq == seq, (number, kind)


def test_without_the_leaves_the_range_is_told(signed: tuple[list[Sealed], Notary], tmp_path: Path) -> None:
    lines, seals = signed
    for leaves in (tmp_path / "checkpoints").glob("*.leaves"):
        leaves.unlink()
    with pytest.raises(TamperedError, match="an entry from 9 to 13") as found:
        verify_checkpoints(Paper(rechained(edited(lines, 10, actor="eve"))), seals)
    assert found.value.seq == 9


def test_leaves_that_were_forged_too_accuse_nobody(signed: tuple[list[Sealed], Notary], tmp_path: Path) -> None:
    lines, seals = signed
    forged = rechained(edited(lines, 10, actor="eve"))
    for file in (tmp_path / "checkpoints").glob("*.leaves"):
        file.chmod(0o600)
        file.write_bytes(bytes(len(file.read_bytes())))
    with pytest.raises(TamperedError, match="an entry from 9 to 13"):
        verify_checkpoints(Paper(forged), seals)


def test_a_forger_without_the_key_cannot_sign(signed: tuple[list[Sealed], Notary], tmp_path: Path) -> None:
    lines, seals = signed
    forged = rechained(edited(lines, 10, actor="eve"))
    other = notary(tmp_path / "other", seed=b"e" * 32)
    write_checkpoint(Paper(forged), other, START)
    with pytest.raises(TamperedError, match="not signed by a known key"):
        verify_checkpoints(Paper(forged), replace(seals, stores=other.stores))


def test_a_checkpoint_is_never_written_on_top_of_a_rewritten_log(signed: tuple[list[Sealed], Notary]) -> None:
    lines, seals = signed
    for forged in (lines[:15], rechained(edited(lines, 2, actor="eve")), edited(lines, 20, actor="eve")):
        with pytest.raises((TamperedError, StopIteration)):
            write_checkpoint(Paper(rechained(forged)), seals, START)


def test_entries_after_the_last_checkpoint_are_not_covered_yet(signed: tuple[list[Sealed], Notary]) -> None:
    lines, seals = signed
    entry = replace(lines[-1].entry, seq=21)
    assert verify_checkpoints(Paper([*lines, seal(entry, lines[-1].hash)]), seals).uncovered == 1


def test_proofs_of_every_entry_verify_offline(signed: tuple[list[Sealed], Notary]) -> None:
    lines, seals = signed
    known = [mlmon_verify.verifier_key(str(seals.key))]
    for seq in range(1, 21):
        proof = prove(Paper(lines), seals, seq, START, since=seq - 1)
        said = mlmon_verify.verify_proof(proof.document, known)
        assert f"entry {seq} is one of the 20 entries" in said
        assert root_of([bytes.fromhex(line.leaf) for line in lines[: seq - 1]]).hex() in said
        other = {**proof.document, "payload": proof.document["payload"].replace("role.granted", "role.revoked")}
        with pytest.raises(mlmon_verify.Found):
            mlmon_verify.verify_proof(other, known)


def test_a_checkpoint_is_due_after_a_minute_or_a_thousand_entries(database: Database, tmp_path: Path) -> None:
    clock = Clock()
    governance = governed(database, clock)
    ledger = WitnessedLedger(database.ledger, notary(tmp_path / "checkpoints"), clock)
    first = ledger.sign_if_due()
    assert first.size == 8
    clock.pass_(seconds=59)
    assert ledger.sign_if_due() == first
    clock.pass_(seconds=1)
    idle = ledger.sign_if_due()
    assert (idle.size, idle.at) == (8, clock.time)
    with ledger.transaction() as books:
        for number in range(ENTRIES - 1):
            books.append(replace(books.line(1).entry, seq=books.next_seq, subject=f"p{number}/*/admin"))
    assert ledger.sign_if_due() == idle
    grant_role(governance, "last", "admin", actor="root")
    assert ledger.sign_if_due().size == 8 + ENTRIES


def test_idle_intervals_leave_the_first_and_the_latest_checkpoint(database: Database, tmp_path: Path) -> None:
    clock, seals = Clock(), notary(tmp_path / "checkpoints")
    governed(database, clock)
    for _ in range(5):
        write_checkpoint(database.ledger, seals, clock.time)
        clock.pass_(minutes=1)
    covered = verify_checkpoints(database.ledger, seals)
    assert covered.checkpoints == 2
    assert covered.newest is not None
    assert covered.newest.at == START + timedelta(minutes=4)


def test_whoever_commits_signs_when_it_is_due(database: Database, tmp_path: Path) -> None:
    clock, seals = Clock(), notary(tmp_path / "checkpoints")
    governance = governed(database, clock)
    witnessed = replace(governance, ledger=WitnessedLedger(database.ledger, seals, clock))
    grant_role(witnessed, "ann", "admin", actor="root")
    newest = seals.newest()
    assert newest is not None
    assert newest.size == 9
    grant_role(witnessed, "bob", "admin", actor="root")
    assert seals.newest() == newest
    clock.pass_(minutes=2)
    grant_role(witnessed, "cid", "admin", actor="root")
    assert verify_checkpoints(database.ledger, seals).uncovered == 0


def test_a_store_that_is_full_undoes_no_command(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    governance = governed(database, clock)
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    witnessed = replace(governance, ledger=WitnessedLedger(database.ledger, notary(tmp_path / "checkpoints"), clock))
    grant_role(witnessed, "ann", "admin", actor="root")
    with witnessed.ledger.read() as reading:
        assert names(reading) >= {"ann"}
    assert "could not be signed" in caplog.text
    with pytest.raises(MlmonError):
        write_checkpoint(database.ledger, notary(tmp_path / "checkpoints"), clock.time)


def names(reading: Reading) -> set[str]:
    from mlmon_dagster.governance.roles import Member

    return {member.name for member in reading.find(Member)}
