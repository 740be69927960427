"""Commands for people and workflows that a provider recognised."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import Account, Used
from mlmon_dagster.governance.roles import person
from mlmon_dagster.lifecycle.identity import Identity, Issued, issue_run_token, link_identity, linked_account, record
from mlmon_dagster.lifecycle.mapped_roles import map_roles

GITHUB = "https://github.com"
PROVIDER = "machine:provider"
RUN_FACTS = (
    "repository",
    "repository_id",
    "run_id",
    "run_attempt",
    "job_workflow_ref",
    "event_name",
    "ref",
    "sha",
    "actor",
)
"""Claims of a workflow that are recorded."""

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")


@dataclass(frozen=True)
class Recognised:
    """A person at GitHub: number, name, and the roles that the person's teams give."""

    number: int
    name: str
    roles: Mapping[tuple[str, str], str]


def enter_from_github(identity: Identity, who: Recognised) -> str:
    """The account of somebody who logged in with GitHub, with the roles that teams give now.

    Somebody new who is in a team that gives a role gets an account of the GitHub name, unless that name is taken:
    then an admin says whether it is the same person.
    """
    subject = str(who.number)
    name = linked_account(identity, GITHUB, subject)
    if name is None:
        name = _newcomer(identity, who)
        link_identity(identity, name, GITHUB, subject, actor=PROVIDER, label=who.name, role="provider")
    map_roles(identity.governance, name, who.roles)
    return name


def _newcomer(identity: Identity, who: Recognised) -> str:
    if not who.roles or not _LOGIN.fullmatch(who.name):
        raise DeniedError(
            f"{who.name} ({who.number}) has no account, and is in no team that gives a role",
            hint=f"an admin can link one: mlmon accounts link NAME --issuer {GITHUB} --subject {who.number}",
            code="UNLINKED",
        )
    name = person(who.name.lower())
    account = Account(name, "", identity.governance.now())
    with identity.governance.ledger.transaction() as books:
        taken = identity.credentials.one(Account, name) is not None or bool(_known(books, name))
        if not taken:
            record(identity, books, PROVIDER, "provider", "account.set", f"account/{name}", {"password": False})
    if taken or not identity.credentials.claim(account):
        raise DeniedError(
            f"the name {name} is taken",
            hint=f"an admin links the same person: mlmon accounts link {name} --issuer {GITHUB} --subject {who.number}",
            code="LINK_FIRST",
        )
    return name


def _known(books: Any, name: str) -> tuple[object, ...]:
    """Roles that the name holds already: whoever takes the name would hold them too."""
    from mlmon_dagster.governance.roles import Member

    found: tuple[object, ...] = books.find(Member, name=name)
    return found


def enter_from_workflow(identity: Identity, claims: Mapping[str, Any], *, issuer: str) -> Issued:
    """A token for the run of a workflow, which acts for the person who started it and may look and request.

    A workflow's own token counts once. Raises `DeniedError` when it was used, or nobody here is that person.
    """
    until = datetime.fromtimestamp(int(claims["exp"]) + 120, tz=identity.governance.now().tzinfo)
    if not identity.credentials.claim(Used(f"jti|{issuer}|{claims['jti']}"[:256], until)):
        raise DeniedError("this workflow token was used already", code="REPLAYED")
    starter = str(claims["actor_id"])
    name = linked_account(identity, GITHUB, starter)
    if name is None:
        raise DeniedError(
            f"nobody here is the GitHub user {starter}, who started the workflow",
            hint=f"an admin links the person: mlmon accounts link NAME --issuer {GITHUB} --subject {starter}",
            code="UNLINKED",
        )
    run = {fact: str(claims[fact])[:300] for fact in RUN_FACTS if fact in claims}
    return issue_run_token(identity, name, run, actor=PROVIDER)
