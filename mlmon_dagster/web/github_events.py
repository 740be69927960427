"""What the events of GitHub do here."""

import re
from collections.abc import Mapping
from typing import Any

from mlmon_dagster.errors import DeniedError, InputError
from mlmon_dagster.governance.repositories import Repository
from mlmon_dagster.lifecycle.governance import Declaration
from mlmon_dagster.lifecycle.repositories import (
    NAME,
    connected,
    note_rewound,
    note_status,
    pipelines_of,
    rename_repository,
)
from mlmon_dagster.web.state import Web

IGNORED = "ignored"
NOWHERE = re.compile(r"0{40}|0{64}")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def take_event(web: Web, event: str, document: Mapping[str, Any]) -> str:
    """Carries out what a signed event means, and says it in a word.

    Reviews and deployments at GitHub count for nothing here: who consents does so in a session of ours.
    """
    if event == "ping":
        return "pong"
    if event not in EVENTS:
        return IGNORED
    repository = _repository(web, document)
    if repository is None:
        return IGNORED
    declared = pipelines_of(web.premises.pipelines().values(), repository)
    return EVENTS[event](web, repository, declared, document)


def _repository(web: Web, document: Mapping[str, Any]) -> Repository | None:
    """The connected repository that the event is of, under its present name.

    One that has the name of ours but another number is somebody else's who took the name: `DeniedError`.
    """
    told = document.get("repository")
    number, name = (told.get("id"), told.get("full_name")) if isinstance(told, dict) else (None, None)
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(name, str):
        raise InputError("the event does not say of which repository it is")
    with web.premises.governance.ledger.read() as reading:
        known = connected(reading)
    found = known.get(str(number))
    if found is None:
        if any(one.called(name) for one in known.values()):
            raise DeniedError("a repository of this name but another number sent this", code="REPOSITORY")
        return None
    if found.name != name:
        if not re.fullmatch(NAME, name):
            raise InputError("the repository's name is none that GitHub gives")
        return rename_repository(web.premises.governance, found, name)
    return found


def _status(web: Web, _: Repository, declared: tuple[Declaration, ...], document: Mapping[str, Any]) -> str:
    state = _text(document, "state")
    if state == "pending":
        return IGNORED
    commit, name = _text(document, "sha"), _text(document, "context")
    found = note_status(
        web.premises.governance, declared, commit, name, passed=state == "success", detail=_said(document, state)
    )
    return "noted" if found else IGNORED


def _check_run(web: Web, _: Repository, declared: tuple[Declaration, ...], document: Mapping[str, Any]) -> str:
    run = document.get("check_run")
    if not isinstance(run, dict):
        raise InputError("the event has no check run")
    state = str(run.get("conclusion") or run.get("status") or "unknown")
    commit, name = _text(run, "head_sha"), _text(run, "name")
    if run.get("status") != "completed":
        return IGNORED
    found = note_status(web.premises.governance, declared, commit, name, passed=state == "success", detail=state[:100])
    return "noted" if found else IGNORED


def _push(web: Web, repository: Repository, declared: tuple[Declaration, ...], document: Mapping[str, Any]) -> str:
    ref, before, after = (_text(document, name) for name in ("ref", "before", "after"))
    if not COMMIT.fullmatch(after) or not COMMIT.fullmatch(before):
        raise InputError("the push names no whole commits")
    if ref != f"refs/heads/{repository.branch}":
        return IGNORED
    sender = document.get("sender")
    who = re.sub(r"[^A-Za-z0-9\[\]-]", "?", str(sender.get("login", "somebody") if isinstance(sender, dict) else ""))
    where = f"{repository.name} {repository.branch}"
    if NOWHERE.fullmatch(after) or document.get("deleted") is True:
        note_rewound(web.premises.governance, declared, f"{who} removed {where}, which was {before[:12]}")
        return "alerted"
    if document.get("forced") is True:
        note_rewound(
            web.premises.governance, declared, f"{who} rewrote {where} from {before[:12]} to {after[:12]} by force"
        )
        return "alerted"
    if web.premises.repository is None:
        return "noted"
    web.premises.repository.update(repository.branch)
    return "synchronised"


EVENTS = {"status": _status, "check_run": _check_run, "push": _push}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 500:
        raise InputError(f"the event does not say its {name}")
    return value


def _said(document: Mapping[str, Any], state: str) -> str:
    text = str(document.get("description") or state)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:500]).split())
