"""Roles of who logged in with GitHub follow the person's teams: they are read again while the session lives.

The access token that asks GitHub is sealed with the session's secret, which only the browser has: it can be used while
a request of that session is answered, and at no other time.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

from mlmon_dagster.adapters.identity.github import GithubUser
from mlmon_dagster.adapters.identity.sealing import sealed, unsealed
from mlmon_dagster.errors import DeniedError, UnavailableError
from mlmon_dagster.governance.access import SESSION_SPAN, Session, Used
from mlmon_dagster.governance.audit import read, written
from mlmon_dagster.lifecycle.mapped_roles import map_roles
from mlmon_dagster.lifecycle.recognition import UnknownCallerError, close_session
from mlmon_dagster.web.state import Web

EVERY = timedelta(minutes=15)
AGAIN = timedelta(minutes=1)
"""How soon GitHub is asked again after it could not be."""

LONGEST = timedelta(hours=1)
"""How old the roles may be while GitHub is out of reach; then the session waits for it."""


@dataclass(frozen=True)
class Kept:
    """When the teams were read last and when somebody tried last, whose they are, and what may ask for them."""

    read_at: datetime
    tried_at: datetime
    number: int
    token: str

    @property
    def text(self) -> str:
        """As it is kept."""
        return f"{written(self.read_at)} {written(self.tried_at)} {self.number} {self.token}"


def keep_membership(web: Web, session: Session, secret: str, user: GithubUser, token: str) -> None:
    """Remembers how to read the person's teams again, as long as the session may live."""
    kept = Kept(session.opened_at, session.opened_at, user.number, sealed(token, secret))
    web.identity.credentials.save(Used(_id(session), session.opened_at + SESSION_SPAN, kept.text))


def follow_teams(web: Web, session: Session, secret: str) -> None:
    """Reads the teams again when they were read more than 15 minutes ago, and grants and revokes accordingly.

    Raises `UnknownCallerError` and ends the session when GitHub no longer accepts the person, `UnavailableError` when
    GitHub was out of reach for an hour.
    """
    found, now = web.identity.credentials.one(Used, _id(session)), web.premises.governance.now()
    kept = _kept(found.value) if found else None
    if found is None or kept is None or web.providers.github is None:
        _end(web, session)
    if now - kept.read_at < EVERY or now - kept.tried_at < AGAIN:
        _refuse_old(kept, now)
        return
    web.identity.credentials.save(replace(found, value=replace(kept, tried_at=now).text))
    try:
        user = _asked(web, kept, secret)
    except UnavailableError:
        _refuse_old(kept, now)
        return
    except DeniedError:
        user = None
    if user is None or user.number != kept.number:
        _end(web, session)
    map_roles(web.premises.governance, session.account, web.providers.roles(user.teams))
    web.identity.credentials.save(replace(found, value=replace(kept, read_at=now, tried_at=now).text))


def _asked(web: Web, kept: Kept, secret: str) -> GithubUser | None:
    token = unsealed(kept.token, secret)
    return None if token is None or web.providers.github is None else web.providers.github.user(token)


def _refuse_old(kept: Kept, now: datetime) -> None:
    if now - kept.read_at > LONGEST:
        raise UnavailableError("GitHub does not say any more in which teams somebody is")


def _end(web: Web, session: Session) -> NoReturn:
    close_session(web.identity, session)
    raise UnknownCallerError("GitHub does not say any more who this is", hint="log in again")


def _kept(text: str) -> Kept | None:
    parts = text.split(" ")
    return Kept(read(parts[0]), read(parts[1]), int(parts[2]), parts[3]) if len(parts) == 4 else None


def _id(session: Session) -> str:
    return f"teams|{session.id}"
