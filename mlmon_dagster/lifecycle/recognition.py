"""Commands that recognise a caller: by token, by password, by session."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import (
    FRESH,
    UNCONFIRMED,
    Account,
    Caller,
    Session,
    Token,
    digest,
    same,
    token_parts,
    verified,
)
from mlmon_dagster.lifecycle.identity import Identity, record

NOTED = timedelta(minutes=1)
"""When a token or session was used is noted this often: a write for every request would be one too many."""


class UnknownCallerError(DeniedError):
    """Nobody was recognised. The message is the same whatever was wrong, since a stranger reads it."""

    kind = "UNAUTHENTICATED"


def by_token(identity: Identity, text: str) -> Caller:
    """Whom the token acts for; raises `UnknownCallerError`."""
    parts, now = token_parts(text), identity.governance.now()
    token = identity.credentials.one(Token, parts[0]) if parts else None
    if parts is None or token is None or not same(digest(parts[1]), token.digest):
        raise UnknownCallerError("the token is not valid")
    if token.revoked_at is not None or now >= token.expires_at or not _enabled(identity, token.account):
        raise UnknownCallerError("the token is not valid any more", hint="issue another: mlmon tokens issue")
    if token.used_at is None or now - token.used_at > NOTED:
        identity.credentials.save(replace(token, used_at=now))
    return Caller(token.account, "token", token.scopes)


def by_password(identity: Identity, name: str, password: str) -> Account:
    """The account with this name and password; as slow for names that do not exist."""
    account = identity.credentials.one(Account, name)
    kept = account.password if account is not None and not account.disabled else ""
    if not verified(password, kept) or account is None:
        raise UnknownCallerError("name or password is wrong")
    return account


def open_session(identity: Identity, account: str, method: str) -> tuple[Session, str]:
    """A new session (`session.opened`) and the secret for its cookie; never one that existed before."""
    now, secret = identity.governance.now(), secrets.token_urlsafe(32)
    confirmed = now - FRESH if method in UNCONFIRMED else now
    session = Session(digest(secret), account, secrets.token_urlsafe(32), method, now, now, confirmed)
    with identity.governance.ledger.transaction() as books:
        record(identity, books, account, "owner", "session.opened", f"account/{account}", {"method": method})
    identity.credentials.save(session)
    return session, secret


def by_session(identity: Identity, secret: str) -> Caller:
    """Whose session it is; raises `UnknownCallerError`."""
    session, now = identity.credentials.one(Session, digest(secret)), identity.governance.now()
    if session is None or not session.valid(now) or not _enabled(identity, session.account):
        raise UnknownCallerError("the session is over", hint="log in again")
    if now - session.seen_at > NOTED:
        session = replace(session, seen_at=now)
        identity.credentials.save(session)
    return Caller(session.account, session.method, None, session)


def confirm_session(identity: Identity, session: Session, password: str) -> Session:
    """The person entered the password again: the session is fresh once more."""
    by_password(identity, session.account, password)
    confirmed = replace(session, confirmed_at=identity.governance.now())
    identity.credentials.save(confirmed)
    return confirmed


def close_session(identity: Identity, session: Session) -> None:
    """Ends the session."""
    identity.credentials.remove(Session, session.id)


def forget_expired(identity: Identity, now: datetime) -> None:
    """Removes sessions that are over."""
    for session in identity.credentials.find(Session):
        if not session.valid(now):
            identity.credentials.remove(Session, session.id)


def _enabled(identity: Identity, name: str) -> bool:
    account = identity.credentials.one(Account, name)
    return account is not None and not account.disabled
