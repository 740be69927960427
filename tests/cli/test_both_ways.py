"""One story, told by the command line on the server's machine and from a laptop: the same answers and exit codes."""

import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from command_line import PIPELINE, Answer, Office
from governed import version

from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.deployments import finish_deployment, open_promotion
from mlmon_dagster.lifecycle.identity import add_account, issue_token
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.settings import read_settings
from mlmon_dagster.web.app import create_app
from mlmon_dagster.web.server import _listen, open_web

CAST = {
    "mia": "ml_engineer", "pia": "production_team", "sue": "model_sponsor", "max": "monitoring_team", "root": "admin",
}  # fmt: skip
PASSWORD = "correct horse battery"
SCOPES = ["read", "request", "operate", "admin"]


@dataclass
class World:
    """A server's folder, and `mlmon` as somebody types it, here or there; `said` keeps every answer."""

    here: Office
    mlmon: Callable[..., Answer]
    said: dict[str, Any]

    def do(self, who: str, *words: str, acts: bool = True) -> Any:
        """The answer's document; what it said is kept, without what differs between any two worlds."""
        answer = self.mlmon(who, acts, *words, "--json")
        assert "Traceback" not in answer.err
        told = answer.document if answer.code == 0 else json.loads(answer.err)
        kept = {**told, "hint": None} if answer.code else told  # a server does not say where its files are
        self.said[f"{len(self.said):02} {who}: {' '.join(words)}"] = (answer.code, plain(kept))
        return told

    def see(self, who: str, *words: str) -> Any:
        return self.do(who, *words, acts=False)


CHANGING = {"seq", "hash", "leaf", "leaf_hash", "commit", "base", "branch", "at", "opened_entry", "since", "until"}


def plain(value: Any) -> Any:
    """Without times, hashes, commits and numbers of entries, which differ between any two worlds."""
    if isinstance(value, dict):
        return {
            name: plain(inner)
            for name, inner in value.items()
            if name not in CHANGING and not name.endswith("_at") and name not in ("digest", "git_commit", "bytes")
        }
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str):
        text = re.sub(r"\b([a-z]+)-[0-9]+\b", r"\1-N", value)
        return re.sub(r"[0-9a-f]{12,64}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Z]+|[0-9]{4}-[0-9]{2}-[0-9]{2}", "X", text)
    return value


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def staffed(folder: Path) -> Office:
    (folder / "pipelines" / "prices").mkdir(parents=True)
    (folder / "pipelines" / "prices" / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "pipelines")
    git(folder, "commit", "-q", "-m", "Declare prices")
    return Office(folder)


def people(governance: Any) -> None:
    grant_role(governance, "root", "admin", actor="root")
    for name, role in CAST.items():
        grant_role(governance, name, role, actor="root")


@contextmanager
def at_home(folder: Path) -> Iterator[World]:
    office = staffed(folder)
    people(office.governance)
    register_model(office.governance, office.declared.pipeline, version(1), actor=MACHINE)
    yield World(office, lambda who, acts, *words: office(*words, *(["--as", who] if acts else [])), {})


@contextmanager
def from_a_laptop(folder: Path, laptop: Path) -> Iterator[World]:
    office = staffed(folder)
    listener = _listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    web = open_web(read_settings({}, folder), url)
    people(web.premises.governance)
    tokens = {}
    for name in CAST:
        add_account(web.identity, name, PASSWORD if name == "sue" else None, actor="root")
        tokens[name] = issue_token(web.identity, name, SCOPES, 1, actor="root").text
    register_model(office.governance, office.declared.pipeline, version(1), actor=MACHINE)
    server = uvicorn.Server(uvicorn.Config(create_app(web), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    home = {"HOME": str(laptop), "XDG_CONFIG_HOME": str(laptop), "MLMON_TIMEOUT": "20", "MLMON_URL": url}

    def mlmon(who: str, _: bool, *words: str) -> Answer:
        token = {} if words[0] in ("approve", "login") else {"MLMON_TOKEN": tokens[who]}
        return Office(laptop)(*words, **home, **token)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
            assert mlmon("sue", False, "login", "sue", "--password-stdin").code == 0
        yield World(office, mlmon, {})
    finally:
        server.should_exit = True
        thread.join()


def story(world: World, folder: Path) -> dict[str, Any]:
    asked = world.do("mia", "promote", "prices", "--to", "dev", "--reason", "first")
    world.see("mia", "promotions", "list")
    world.see("mia", "promotions", "show", asked["id"])
    started = open_promotion(world.here.governance, world.here.declared, asked["id"])
    finish_deployment(world.here.governance, started.id, "http://127.0.0.1:9")
    world.see("mia", "deployments")
    staging = world.do("mia", "promote", "prices", "--to", "staging", "--reason", "ready")
    world.do("sue", "approve", staging["id"], "--reason", "reviewed")
    world.do("mia", "reject", staging["id"], "--reason", "found a bug")
    world.see("mia", "promotions", "history")
    world.do("pia", "rollback", "prices", "--environment", "prod", "--reason", "errors")
    alert = raise_alert(
        world.here.governance, world.here.declared.pipeline, "dev", "inputs", window=None, reason="drift"
    )
    world.see("max", "alerts", "list")
    world.do("max", "alerts", "ack", alert.id, "--reason", "looking")
    world.do("max", "alerts", "resolve", alert.id, "--reason", "repaired")
    world.do("max", "alerts", "reopen", alert.id, "--reason", "came back")
    world.do("max", "alerts", "silence", "prices", "--hours", "2", "--reason", "work")
    world.see("max", "alerts", "history")
    world.do("pia", "lock", "prices", "model_registry", "--reason", "approved")
    world.see("sue", "pipelines", "list")
    world.see("sue", "pipelines", "show", "prices")
    world.see("sue", "pipelines", "diff", "prices")
    world.do("pia", "unlock", "prices", "model_registry", "--reason", "new")
    for words in (("grant", "zoe", "ml_engineer"), ("revoke", "zoe", "ml_engineer")):
        world.do("root", "members", *words, "--project", "pricing")
        world.see("root", "members", "list")
    world.do("root", "members", "link", "zoe-2", "zoe")
    world.do("root", "members", "unlink", "zoe-2", "--reason", "mistake")
    world.do("root", "projects", "save", "pricing", "--description", "prices", "--setting", "cost=1")
    world.do("root", "projects", "archive", "pricing", "--reason", "over")
    world.do("root", "projects", "restore", "pricing", "--reason", "not over")
    world.see("root", "projects", "list")
    world.do("pia", "findings", "status", "prices", "ci", "--commit", "a" * 40, "--passed")
    world.see("pia", "findings", "list", "prices")
    draft = folder / "draft.yaml"
    draft.write_text(PIPELINE.replace("weekly", "daily"), encoding="utf-8")
    world.do("mia", "pipelines", "propose", str(draft), "--reason", "more often")
    world.see("mia", "pipelines", "proposals", "prices")
    world.see("mia", "repositories", "list")
    made = world.do("sue", "reports", "compliance", "--project", "pricing", "--since", "2026-01-01")
    world.see("sue", "reports", "list")
    world.see("sue", "reports", "fetch", made["id"], "--output", "report.html")
    world.see("root", "audit", "list", "prices")
    world.see("root", "audit", "list", "--action", "role.granted", "--limit", "2")
    world.do("mia", "members", "grant", "mia", "admin")
    world.do("max", "promote", "prices", "--to", "dev")
    world.do("mia", "promote", "nothing", "--to", "dev")
    world.do("mia", "alerts", "ack", "alert-999")
    world.do("root", "alerts", "ack", "alert-999")
    world.do("pia", "unlock", "prices", "data_ingestion", "--reason", "x")
    world.do("mia", "pipelines", "sync", "--branch", "main")
    world.do("root", "repositories", "connect", "acme/prices")
    world.do("mia", "reports", "monitoring", "prices", "--environment", "dev", "--window", "2014-11-03")
    return world.said


def test_the_same_story_has_the_same_answers_on_both_sides(tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("here", "there", "laptop", "drafts")}
    for place in places.values():
        place.mkdir()
    with at_home(places["here"]) as world:
        here = story(world, places["drafts"])
    with from_a_laptop(places["there"], places["laptop"]) as world:
        there = story(world, places["drafts"])
    assert [plain(step) for step in here] == [plain(step) for step in there]
    different = {}
    for (step, ours), (_, theirs) in zip(here.items(), there.items(), strict=True):
        if ours != theirs:
            different[step] = (ours, theirs)
    assert different == {}
