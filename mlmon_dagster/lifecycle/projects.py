"""Commands on projects: keep, archive, take up again. A project is never deleted: the audit log outlives it."""

import re
from collections.abc import Mapping, Sequence

from mlmon_dagster.errors import BlockedError, ChangedError, InputError, MissingError
from mlmon_dagster.governance.audit import readable
from mlmon_dagster.governance.projects import Project
from mlmon_dagster.lifecycle.governance import Governance, acting
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Reading
from mlmon_dagster.settings import ENVIRONMENTS

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KEY = re.compile(r"[a-z][a-z0-9_.]{0,63}")


def save_project(
    governance: Governance,
    name: str,
    *,
    actor: str,
    description: str = "",
    environments: Sequence[str] = ENVIRONMENTS,
    settings: Mapping[str, str] | None = None,
    seen: int | None = None,
) -> Project:
    """Makes the project, or gives it another description, environments and settings (`project.saved`).

    With `seen`, the number of the entry that left it as the actor saw it, only if nobody changed it since
    (`ChangedError`). `BlockedError` for an archived one: saving it would take it up again without a word.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name[:100]!r} is not the name of a project", hint="small letters, digits and _")
    for environment in environments:
        if environment not in ENVIRONMENTS:
            raise MissingError(unknown("environment", environment, ENVIRONMENTS))
    kept = {key: readable(value, f"setting {key}") for key, value in (settings or {}).items()}
    if any(not _KEY.fullmatch(key) for key in kept):
        raise InputError("a setting's name has small letters, digits, _ and .")
    chosen = tuple(one for one in ENVIRONMENTS if one in environments)
    if chosen != ENVIRONMENTS[: len(chosen)] or not chosen:
        raise InputError(f"environments are entered in the order {', '.join(ENVIRONMENTS)}; got {', '.join(chosen)}")
    data = {"description": readable(description, "description"), "environments": list(chosen), "settings": kept}
    with acting(governance, actor, "admin", name) as act:
        refuse_closed(act.books, name)
        known = act.books.one(Project, name)
        if seen is not None:
            _refuse_changed(find_project(act.books, name), seen)
        if known is None or (known.description, known.environments, known.settings) != (
            data["description"],
            chosen,
            kept,
        ):
            act.append("project.saved", name, data, project=name)
        return find_project(act.books, name)


def archive_project(governance: Governance, name: str, *, actor: str, reason: str, seen: int | None = None) -> Project:
    """Nothing is promoted in it any more (`project.archived`); rollbacks, alerts and the log go on.

    `seen` is the state that it was seen in, see `save_project`.
    """
    return _turn(governance, name, "archived", actor, reason, seen)


def restore_project(governance: Governance, name: str, *, actor: str, reason: str) -> Project:
    """Takes an archived project up again (`project.restored`)."""
    return _turn(governance, name, "active", actor, reason)


def find_project(books: Reading, name: str) -> Project:
    """The project; `MissingError` names the ones there are."""
    return known_project({one.id: one for one in books.find(Project)}, name)


def known_project(projects: Mapping[str, Project], name: str) -> Project:
    """The project among these; `MissingError` names them."""
    if name not in projects:
        hint = f"an admin saves it: mlmon projects save {name}"
        raise MissingError(unknown("project", name, tuple(projects)), hint=hint)
    return projects[name]


def refuse_closed(books: Reading, name: str, environment: str | None = None) -> None:
    """`BlockedError` when the project is archived, or does not go as far as the environment.

    A project that nobody saved is open to all environments.
    """
    known = books.one(Project, name)
    if known is None:
        return
    if known.state == "archived":
        raise BlockedError(
            f"the project {name} is archived: {known.note}", hint=f"mlmon projects restore {name} --reason ..."
        )
    if environment is not None and environment not in known.environments:
        reached = ", ".join(known.environments)
        raise BlockedError(
            f"the project {name} goes to {reached}, not to {environment}", hint="an admin can save it anew"
        )


def _refuse_changed(known: Project, seen: int) -> None:
    if known.seq != seen:
        raise ChangedError(f"the project {known.id} was changed since it was seen", hint="read it again")


def _turn(governance: Governance, name: str, state: str, actor: str, reason: str, seen: int | None = None) -> Project:
    reason = readable(reason, "reason")
    if not reason:
        raise InputError("this needs a reason")
    with acting(governance, actor, "admin", name) as act:
        known = find_project(act.books, name)
        if seen is not None:
            _refuse_changed(known, seen)
        if known.state != state:
            action = "project.archived" if state == "archived" else "project.restored"
            act.append(action, name, {"reason": reason}, project=name)
        return find_project(act.books, name)
