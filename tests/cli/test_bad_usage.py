"""The catalogue of bad command lines and settings: exact exit code, one sentence, no traceback, nothing changed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import PIPELINE, Office

from mlmon_dagster.lifecycle.members import grant_role

KEY = "canary-3f84d5b5b5470917"
"""A value that is secret: nothing may print it."""


@pytest.fixture
def mlmon(tmp_path: Path) -> Office:
    folder = tmp_path / "pipelines" / "prices"
    folder.mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    office = Office(tmp_path)
    grant_role(office.governance, "root", "admin", actor="root")
    return office


USAGE = {
    "C01 nothing": ([], 2, "Usage"),
    "C02 unknown command": (["promot"], 2, "promote"),
    "C03 unknown option": (["deployments", "--nonsense"], 2, "--nonsense"),
    "C05 limit of letters": (["audit", "list", "--limit", "abc"], 2, "abc"),
    "C06 limit 0": (["audit", "list", "--limit", "0"], 2, "0"),
    "C06 limit -1": (["audit", "list", "--limit", "-1"], 2, "-1"),
    "C07 absent file": (["audit", "verify", "absent.jsonl"], 2, "absent.jsonl"),
    "C07 absent pipeline": (["promote", "nothing", "--to", "dev", "--as", "root"], 2, "prices"),
    "C10 name with a blank": (["members", "grant", "a b", "admin", "--as", "root"], 2, "'a b'"),
    "C10 name with a new line": (["members", "grant", "a\nb", "admin", "--as", "root"], 2, "a\\nb"),
    "C11 bytes that are not UTF-8": (["members", "grant", "a\udcff", "admin", "--as", "root"], 2, "name of a person"),
    "C22 unknown environment": (["promote", "prices", "--to", "qa", "--as", "root"], 2, "qa"),
    "C23 capitals": (["promote", "prices", "--to", "PROD", "--as", "root"], 2, "PROD"),
    "C25 latest": (["promote", "prices", "--to", "prod", "--version", "latest", "--as", "root"], 2, "latest"),
    "C26 letters": (["promote", "prices", "--to", "dev", "--version", "abc", "--as", "root"], 2, "abc"),
    "C26 version 0": (["promote", "prices", "--to", "dev", "--version", "0", "--as", "root"], 2, "0"),
    "C29 no role": (["promote", "prices", "--to", "dev", "--as", "nobody"], 3, "nobody may not"),
    "C30 nothing asked": (["approve", "promotion-9", "--as", "root"], 2, "promotion-9"),
    "C51 unknown version": (["promote", "prices", "--to", "dev", "--version", "9", "--as", "root"], 2, "registered"),
    "unknown role": (["members", "grant", "ann", "owner", "--as", "root"], 2, "ml_engineer"),
    "unknown stage": (["lock", "prices", "training", "--as", "root"], 2, "data_ingestion"),
    "machine as actor": (["promote", "prices", "--to", "dev", "--as", "machine:dagster"], 2, "machine:dagster"),
    "unknown scope": (["tokens", "issue", "ann", "--scope", "approve", "--as", "root"], 2, "approve"),
    "token for 91 days": (["tokens", "issue", "ann", "--scope", "read", "--days", "91", "--as", "root"], 2, "91"),
    "token for nobody": (["tokens", "issue", "ann", "--scope", "read", "--as", "root"], 2, "accounts add"),
    "login nowhere": (["login", "ann"], 2, "MLMON_URL"),
}


@pytest.mark.parametrize("name", USAGE)
def test_bad_usage_has_its_code_and_sentence(mlmon: Office, name: str) -> None:
    words, code, said = USAGE[name]
    before = mlmon.governance.ledger.verify()[0]
    answer = mlmon(*words)
    assert answer.code == code, answer.err
    assert said in answer.err + answer.out
    assert "Traceback" not in answer.err
    assert mlmon.governance.ledger.verify()[0] == before


SETTINGS = {
    "E02 empty": ({"MLMON_DATABASE_URL": ""}, 2, "MLMON_DATABASE_URL"),
    "E02 blank": ({"MLMON_HOME": "  "}, 2, "MLMON_HOME"),
    "E05 no URL": ({"MLMON_DATABASE_URL": "mlmon.db"}, 2, "MLMON_DATABASE_URL"),
    "E05 other database": ({"MLMON_DATABASE_URL": f"mysql://u:{KEY}@h/x"}, 2, "MLMON_DATABASE_URL"),
    "E05 @ in the password": ({"MLMON_DATABASE_URL": f"postgresql://u:p@{KEY}@127.0.0.1:1/x"}, 2, "%40"),
    "E06 unreachable": ({"MLMON_DATABASE_URL": f"postgresql://u:{KEY}@127.0.0.1:1/x"}, 5, "cannot be used"),
    "E01 production without a database": ({"MLMON_ENVIRONMENTS": "prod"}, 2, "Postgres"),
    "E14 folder cannot be": ({"MLMON_DATABASE_URL": "sqlite:////proc/x/y.db"}, 2, "folder"),
    "E14 folder is a file": ({"MLMON_HOME": "taken"}, 2, "taken"),
    "E18 no database file": ({"MLMON_DATABASE_URL": "sqlite:///taken"}, 2, "not a database"),
    "E47 unknown environment": ({"MLMON_ENVIRONMENTS": "dev,qa"}, 2, "qa"),
    "in memory": ({"MLMON_DATABASE_URL": "sqlite://"}, 2, "memory"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_bad_setting_has_its_code_and_never_its_value(mlmon: Office, name: str) -> None:
    environ, code, said = SETTINGS[name]
    (mlmon.folder / "taken").write_text("not a database, and long enough to be read as one" * 10, encoding="utf-8")
    answer = mlmon("deployments", **environ)
    assert answer.code == code, answer.err
    assert said in answer.err
    assert KEY not in answer.err
    assert "Traceback" not in answer.err


WEB = {
    "E22 port in use": ({}, ["--port", "{port}"], 2, "cannot be listened on"),
    "E23 port 70000": ({}, ["--port", "70000"], 2, "70000"),
    "E23 port abc": ({}, ["--port", "abc"], 2, "abc"),
    "E33 short key": ({"MLMON_WEB_KEY": KEY}, [], 2, "MLMON_WEB_KEY"),
    "E33 sample key": ({"MLMON_WEB_KEY": "changeme" * 8}, [], 2, "MLMON_WEB_KEY"),
    "E27 address": ({"MLMON_WEB_URL": "mlmon.example.com"}, [], 2, "MLMON_WEB_URL"),
    "E31 load balancer": ({"MLMON_ALB_CLIENT": "x"}, [], 2, "MLMON_ALB_ARN"),
    "E34 GitHub": ({"MLMON_GITHUB_CLIENT_ID": "x"}, [], 2, "MLMON_GITHUB_CLIENT_SECRET"),
    "upstream": ({"MLMON_DAGSTER_UPSTREAM": "127.0.0.1:3000"}, [], 2, "MLMON_DAGSTER_UPSTREAM"),
}


@pytest.mark.parametrize("name", WEB)
def test_a_server_that_is_set_up_wrongly_does_not_start(mlmon: Office, name: str) -> None:
    import socket

    environ, words, code, said = WEB[name]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = (
            mlmon("web", *(words or ["--port", "0"]), **environ)
            if "{port}" not in words
            else mlmon("web", "--port", port, **environ)
        )
    assert answer.code == code, answer.err
    assert said in answer.err
    assert KEY not in answer.err


def test_a_second_server_of_one_sqlite_database_does_not_start(mlmon: Office) -> None:
    """E17: and when the first has ended, by itself or not, the next one does."""
    first = started(mlmon.folder, "web", "--port", "0", "--json")
    assert first.stdout is not None
    try:
        assert "{" in first.stdout.readline()
        second = mlmon("web", "--port", "0")
        assert second.code == 2
        assert "another mlmon web serves" in second.err
        assert "Postgres" in second.err
    finally:
        first.kill()
        first.communicate()
    third = started(mlmon.folder, "web", "--port", "0", "--json")
    assert third.stdout is not None
    try:
        assert "{" in third.stdout.readline()
    finally:
        third.kill()
        third.communicate()


def test_sqlite_over_a_network_is_refused(mlmon: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """E15: the table of mounts says that this folder is on EFS."""
    mounts = mlmon.folder / "mountinfo"
    mounts.write_text(
        "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        f"99 21 0:50 / {mlmon.folder} rw,relatime shared:2 - nfs4 fs-1.efs.eu-central-1.amazonaws.com:/ rw,vers=4.1\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("mlmon_dagster.adapters.database.mounts.MOUNTS", mounts)
    answer = mlmon("members", "list")
    assert answer.code == 2
    assert "nfs4" in answer.err
    assert "Postgres" in answer.err
    elsewhere = f"99 21 0:50 / {mlmon.folder}/elsewhere rw - nfs4 fs:/ rw\n"
    mounts.write_text(f"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n{elsewhere}", encoding="utf-8")
    assert mlmon("members", "list").code == 0


@pytest.mark.postgres
def test_a_postgres_that_is_too_old_is_refused(
    mlmon: Office, postgres_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E10: the driver says that the server is of version 12."""
    from sqlalchemy.dialects.postgresql.base import PGDialect

    url = postgres_server.fresh(mlmon.folder.name)
    monkeypatch.setattr(PGDialect, "_get_server_version_info", lambda *_: (12, 22))
    answer = mlmon("members", "list", MLMON_DATABASE_URL=url)
    assert answer.code == 2
    assert "PostgreSQL 12.22" in answer.err
    assert "13 or newer" in answer.err


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLMON_")}
    return subprocess.Popen(
        [sys.executable, "-c", "from mlmon_dagster.cli import main; main()", *words],
        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_when_it_is_asked_to(mlmon: Office, signal_: signal.Signals) -> None:
    process = started(mlmon.folder, "web", "--port", "0", "--json")
    assert process.stdout is not None
    assert "{" in process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal_)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err


def test_a_full_disk_is_told(mlmon: Office) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-c", "from mlmon_dagster.cli import main; main()", "members", "list"],
            cwd=mlmon.folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert process.returncode == 1, process.stderr
    assert "No space left" in process.stderr
    assert "Traceback" not in process.stderr


SURROUNDINGS = {
    "C41 no home": ({"HOME": ""}, 0),
    "C43 plain letters": ({"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}, 0),
    "C39 a token of nobody": ({"MLMON_URL": "http://127.0.0.1:9", "MLMON_TOKEN": "mlm_x"}, 5),
    "C34 no such host": ({"MLMON_URL": "https://nowhere.invalid", "MLMON_TOKEN": "mlm_x"}, 5),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_odd_surroundings_have_their_code(mlmon: Office, name: str) -> None:
    environ, code = SURROUNDINGS[name]
    answer = mlmon("members", "list", **environ)
    assert answer.code == code, answer.err
    assert "Traceback" not in answer.err
    assert "mlm_x" not in answer.err


def test_a_database_of_a_newer_version_says_upgrade(mlmon: Office) -> None:
    """C45."""
    import sqlite3

    assert mlmon("members", "list").code == 0
    (file,) = mlmon.folder.rglob("mlmon.db")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    answer = mlmon("members", "list")
    assert answer.code == 2
    assert "upgrade" in answer.err


def test_an_export_that_was_cut_or_is_judged_by_another_key_ends_with_1(mlmon: Office) -> None:
    """C49 and C50."""
    for name in ("a", "b", "c"):
        assert mlmon("members", "grant", name, "ml_engineer", "--as", "root").code == 0
    assert mlmon("audit", "export", "log.jsonl").code == 0
    file = mlmon.folder / "log.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]), encoding="utf-8")
    answer = mlmon("audit", "verify", "log.jsonl")
    assert answer.code == 1, answer.err
    assert "entry 2" in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_the_same_request_twice_has_one_effect(mlmon: Office) -> None:
    """C21, with the database that both share."""
    from governed import version

    from mlmon_dagster.adapters.pipelines import load_pipelines
    from mlmon_dagster.governance.roles import MACHINE
    from mlmon_dagster.lifecycle.models import register_model

    one = load_pipelines(mlmon.folder / "pipelines", {})["prices"]
    register_model(mlmon.governance, one.pipeline, version(1), actor=MACHINE)
    words = ("promote", "prices", "--to", "dev", "--as", "root", "--json")
    first, second = mlmon(*words), mlmon(*words)
    assert (first.code, second.code) == (0, 0)
    assert first.document["id"] == second.document["id"]
    assert mlmon("reject", first.document["id"], "--reason", "no", "--as", "root").code == 0
    again = mlmon("reject", first.document["id"], "--reason", "no", "--as", "root")
    assert again.code == 4
    assert "only a pending promotion" in again.err
