"""The commands of governance as a person meets them: answers, receipts, exit codes."""

import json
import sys
from pathlib import Path

import pytest
from command_line import CAST, PIPELINE, Office
from governed import version

from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.models import register_model


@pytest.fixture
def mlmon(tmp_path: Path) -> Office:
    folder = tmp_path / "pipelines" / "prices"
    folder.mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return Office(tmp_path)


@pytest.fixture
def staffed(mlmon: Office) -> Office:
    """With an admin, the cast, and version 1 registered."""
    from mlmon_dagster.lifecycle.members import grant_role

    governance = mlmon.governance
    grant_role(governance, "root", "admin", actor="root")
    for name, role in CAST.items():
        grant_role(governance, name, role, actor="root")
    register_model(governance, mlmon.declared.pipeline, version(1), actor=MACHINE)
    return mlmon


def live(office: Office, environment: str) -> None:
    """Version 1 is asked for by Mia, and the machine carries it out."""
    asked = office("promote", "prices", "--to", environment, "--as", "mia", "--json").document["id"]
    started = open_promotion(office.governance, office.declared, asked)
    finish_deployment(office.governance, started.id, "http://127.0.0.1:9")


def test_the_first_admin_and_the_members(mlmon: Office) -> None:
    assert "nobody has a role yet" in mlmon("members", "list").out
    assert mlmon("members", "grant", "ann", "ml_engineer", "--as", "ann").code == 3
    first = mlmon("members", "grant", "ann", "admin", "--as", "ann")
    assert first.code == 0
    assert "receipt: entry 1, hash " in first.out
    assert mlmon("members", "grant", "bob", "production_team", "--project", "pricing", MLMON_ACTOR="ann").code == 0
    assert [one["name"] for one in mlmon("members", "list", "--json").document] == ["ann", "bob"]
    revoked = mlmon("members", "revoke", "bob", "production_team", "--project", "pricing", "--as", "ann", "--json")
    assert revoked.document["receipt"]["seq"] == 3


def test_promote_shows_the_gate_and_who_can_open_it(staffed: Office) -> None:
    live(staffed, "dev")
    asked = staffed("promote", "prices", "--to", "staging", "--as", "mia")
    assert asked.code == 0
    assert "✓ live in dev" in asked.out
    assert "✗ check inputs: was never judged → model_monitoring of dev" in asked.out
    assert "✗ approvals: 0 of 1 → production_team or model_sponsor or admin, other than mia" in asked.out
    assert "receipt: entry" in asked.out


def test_a_plain_terminal_gets_plain_letters(staffed: Office) -> None:
    asked = staffed("promote", "prices", "--to", "dev", "--as", "mia", encoding="ascii")
    assert asked.code == 0
    assert "yes unchanged" in asked.out
    assert asked.out.isascii()


def test_an_approval_completes_a_promotion(staffed: Office) -> None:
    live(staffed, "dev")
    asked = staffed("promote", "prices", "--to", "staging", "--as", "mia", "--json").document
    assert staffed("approve", asked["id"], "--as", "mia").code == 3
    approved = staffed("approve", asked["id"], "--as", "pia", "--reason", "reviewed", "--json").document
    assert approved["state"] == "approved"
    assert approved["gate"]["open"] is False
    assert staffed("reject", asked["id"], "--as", "sue", "--reason", "not yet").code == 0
    assert staffed("approve", asked["id"], "--as", "sue").code == 4


def test_deployments_show_what_is_live_and_what_its_target_says(staffed: Office) -> None:
    assert staffed("deployments").out.strip() == "nothing is deployed yet"
    live(staffed, "dev")
    found = staffed("deployments", "prices", "--json").document
    assert [(one["environment"], one["version"], one["state"]) for one in found] == [("dev", 1, "live")]
    assert found[0]["health"] == "nothing serves"
    assert "nothing serves" in staffed("deployments").out


def test_a_rollback_without_anything_behind_it_is_blocked(staffed: Office) -> None:
    live(staffed, "dev")
    refused = staffed("rollback", "prices", "--environment", "dev", "--reason", "errors", "--as", "mia")
    assert refused.code == 4
    assert "nothing to roll back to" in refused.err
    same = staffed("rollback", "prices", "--environment", "dev", "--to", "1", "--reason", "errors", "--as", "mia")
    assert same.code == 0
    assert "nothing to do" in same.out


def test_alerts_are_listed_acknowledged_and_resolved(staffed: Office) -> None:
    assert staffed("alerts").out.strip() == "no alert is open"
    alert = raise_alert(
        staffed.governance, staffed.declared.pipeline, "dev", "inputs", window="2014-11-03", reason="drift"
    )
    assert [one["id"] for one in staffed("alerts", "--json").document] == [alert.id]
    assert staffed("alerts", "resolve", alert.id, "--reason", "mine", "--as", "mia").code == 3
    assert staffed("alerts", "ack", alert.id, "--as", "max").code == 0
    assert staffed("alerts", "resolve", alert.id, "--as", "max").code == 2
    assert staffed("alerts", "resolve", alert.id, "--reason", "repaired", "--as", "max").code == 0
    assert staffed("alerts", "list", "--json").document == []
    assert [one["state"] for one in staffed("alerts", "history", "--json").document] == ["resolved"]


def test_locks_are_set_and_released(staffed: Office) -> None:
    assert staffed("lock", "prices", "model_registry", "--as", "mia").code == 3
    assert staffed("lock", "prices", "model_registry", "--as", "pia").code == 0
    assert staffed("unlock", "prices", "model_registry", "--as", "pia").code == 2
    assert staffed("unlock", "prices", "model_registry", "--as", "pia", "--reason", "agreed").code == 0
    assert staffed("unlock", "prices", "model_registry", "--as", "pia", "--reason", "agreed").code == 4
    assert "did you mean model_registry" in staffed("lock", "prices", "model_registri", "--as", "pia").err


def test_the_audit_log_is_listed_exported_and_verified(staffed: Office, tmp_path: Path) -> None:
    listed = staffed("audit", "list", "--action", "role.granted", "--limit", "2", "--json").document
    assert [one["data"]["name"] for one in listed] == ["sue", "max"]
    exported = staffed("audit", "export", "log.jsonl", "--json").document
    verified = staffed("audit", "verify", "--json").document
    whole = {"entries": verified["entries"], "hash": exported["hash"]}
    assert whole["hash"] == verified["hash"]
    assert staffed("audit", "verify", "log.jsonl", "--json").document == whole
    assert staffed("audit", "rebuild", "--json").document == whole
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[:2] + lines[3:]), encoding="utf-8")
    cut = staffed("audit", "verify", "cut.jsonl")
    assert cut.code == 1
    assert "entry 3" in cut.err
    (tmp_path / "other.txt").write_bytes(b"\xff\xfe{}")
    assert staffed("audit", "verify", "other.txt").code == 2


def test_an_auditor_verifies_an_export_and_a_proof_without_the_product(staffed: Office, tmp_path: Path) -> None:
    """The verifier runs in an interpreter that sees the standard library only."""
    import subprocess

    assert "mlmon/local\n6\n" in staffed("audit", "checkpoint").out
    key = staffed("audit", "key").out.strip()
    assert staffed("audit", "verify", "--key", key).code == 0
    exported = staffed("audit", "export", "log.jsonl", "--json").document

    def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "mlmon_verify.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    agreed = audit(*exported["verify"].split()[2:])
    assert (agreed.returncode, "1 checkpoints agree, the last covers 6 entries" in agreed.stdout) == (0, True)
    proof = staffed("audit", "prove", "3", "--since", "2")
    (tmp_path / "proof.json").write_text(proof.out, encoding="utf-8")
    assert audit("proof.json", "--key", key).returncode == 0
    (tmp_path / "proof.json").write_text(proof.out.replace("production_team", "admin"), encoding="utf-8")
    assert audit("proof.json", "--key", key).returncode == 1
    other = key.replace("local", "other")
    assert audit("proof.json", "--key", other).returncode == 2
    assert staffed("audit", "verify", "--key", other).code == 2
    assert staffed("audit", "prove", "99").code == 2


def test_any_moment_is_rebuilt_and_every_part_examined(staffed: Office) -> None:
    past = staffed("audit", "asof", "2020-01-01", "--json").document
    assert (past["seq"], past["approvers"]) == (0, {})
    now = staffed("audit", "asof", "2199-01-01T00:00Z", "--json").document
    assert now["approvers"] == {"*": ["pia", "root", "sue"]}
    assert "approvers in all projects: pia, root, sue" in staffed("audit", "asof", "2199-01-01").out
    assert staffed("audit", "asof", "yesterday").code == 2
    assert staffed("audit", "fsck").code == 1
    staffed("audit", "checkpoint")
    examined = staffed("audit", "fsck", "--json")
    assert examined.code == 0
    assert [part["part"] for part in examined.document] == ["chain", "tables", "checkpoints", "signing", "guards"]


def test_a_tampered_database_is_found(staffed: Office, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / ".mlmon" / "mlmon.db") as connection:
        connection.execute("UPDATE members SET role = 'admin' WHERE name = 'mia'")
    connection.close()
    found = staffed("audit", "verify")
    assert found.code == 1
    assert "mia" in found.err


NONSENSE = {
    "no arguments": ((), 2),
    "an environment that is none": (("promote", "prices", "--to", "qa"), 2),
    "an environment in capitals": (("promote", "prices", "--to", "PROD"), 2),
    "a version that is no number": (("promote", "prices", "--to", "dev", "--version", "latest"), 2),
    "a version below one": (("promote", "prices", "--to", "dev", "--version", "0"), 2),
    "a version nobody registered": (("promote", "prices", "--to", "dev", "--version", "9", "--as", "mia"), 2),
    "a pipeline that is none": (("promote", "pricess", "--to", "dev", "--as", "mia"), 2),
    "an actor who is nobody": (("promote", "prices", "--to", "dev", "--as", "eve"), 3),
    "an actor who is a machine": (("promote", "prices", "--to", "dev", "--as", "machine:dagster"), 2),
    "an actor with a line in the name": (("promote", "prices", "--to", "dev", "--as", "mia\nroot"), 2),
    "an actor without a name": (("promote", "prices", "--to", "dev", "--as", "  "), 2),
    "a reason that garbles terminals": (("promote", "prices", "--to", "dev", "--as", "mia", "--reason", "\x1b[2J"), 2),
    "a reason without end": (("promote", "prices", "--to", "dev", "--as", "mia", "--reason", "x" * 5000), 2),
    "nothing live before": (("promote", "prices", "--to", "staging", "--as", "mia"), 4),
    "a promotion that is none": (("approve", "promotion-999", "--as", "pia"), 2),
    "a rejection without a reason": (("reject", "promotion-1", "--as", "pia"), 2),
    "an alert that is none": (("alerts", "ack", "alert-9", "--as", "max"), 2),
    "a limit of nothing": (("audit", "list", "--limit", "0"), 2),
    "a file that is not there": (("audit", "verify", "nowhere.jsonl"), 2),
    "a role that is none": (("members", "grant", "bob", "boss", "--as", "root"), 2),
    "a stage that is none": (("lock", "prices", "monitoring", "--as", "pia"), 2),
}


@pytest.mark.parametrize(("arguments", "code"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_in_a_sentence_and_changes_nothing(
    staffed: Office, arguments: tuple[str, ...], code: int
) -> None:
    before = staffed.governance.ledger.verify()
    answer = staffed(*arguments)
    assert answer.code == code, answer.err
    assert staffed.governance.ledger.verify() == before


def test_a_refusal_is_a_document_with_json(staffed: Office) -> None:
    refused = staffed("promote", "prices", "--to", "dev", "--as", "eve", "--json")
    body = json.loads(refused.err)
    assert body["error"] == "DeniedError"
    assert "ml_engineer" in body["message"]


def test_a_database_that_cannot_be_reached_is_5(staffed: Office) -> None:
    answer = staffed("alerts", MLMON_DATABASE_URL="postgresql://mlmon:hunter2@127.0.0.1:1/mlmon")
    assert answer.code == 5
    assert "hunter2" not in answer.err


@pytest.mark.parametrize(
    "name",
    ["promote", "approve", "reject", "rollback", "deployments", "alerts", "audit", "members", "lock", "unlock"],
)
def test_help_has_an_example(mlmon: Office, name: str) -> None:
    told = mlmon(name, "--help")
    assert told.code == 0
    assert f"mlmon {name} " in told.out or f"mlmon {name}\n" in told.out
    assert "Example:" in told.out


def test_the_key_that_signs_is_rotated(staffed: Office) -> None:
    first = staffed("audit", "key").out.strip()
    assert staffed("audit", "keys", "rotate", "--reason", "x", "--as", "mia").code == 3
    done = staffed("audit", "keys", "rotate", "--reason", "a year is over", "--as", "root", "--json")
    assert done.code == 0, done.err
    assert (done.document["before"], staffed("audit", "key").out.strip()) == (first, done.document["id"])
    listed = staffed("audit", "keys", "list", "--json").document
    assert [(one["id"], one["present"]) for one in listed] == [(first, False), (done.document["id"], True)]
    assert "checkpoints agree" in staffed("audit", "verify").out
    assert "checkpoints agree" in staffed("audit", "verify", "--key", first).out
    exported = staffed("audit", "export", "audit.jsonl", "--json").document["verify"]
    assert exported.endswith(first)
    kept = sorted(file.name for file in (staffed.folder / ".mlmon").glob("checkpoint.key*"))
    assert len(kept) == 2, kept
    assert staffed("audit", "keys", "rotate", "--to", "env:NOWHERE", "--reason", "x", "--as", "root").code == 5
