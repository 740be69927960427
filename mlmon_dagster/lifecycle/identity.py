"""Commands on accounts and tokens: who can be recognised, and by what."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mlmon_dagster.errors import BlockedError, DeniedError, InputError, MissingError
from mlmon_dagster.governance.access import (
    DEFAULT_COST,
    LONGEST_TOKEN_DAYS,
    Account,
    Cost,
    Linked,
    Session,
    Token,
    accepted_password,
    digest,
    hashed,
    token_text,
)
from mlmon_dagster.governance.access import scopes as scopes_of
from mlmon_dagster.governance.audit import Entry, readable
from mlmon_dagster.governance.roles import ANYWHERE, Member, permit, person
from mlmon_dagster.lifecycle.governance import Governance, known_actor
from mlmon_dagster.plugins import unknown
from mlmon_dagster.ports import Credentials, Reading, Transaction

RUN_SCOPES = ("read", "request")
RUN_SPAN = timedelta(minutes=15)
"""What a workflow's token is good for, and how long."""


@dataclass(frozen=True)
class Identity:
    """What recognising people needs: the credentials, and governance to record it in."""

    governance: Governance
    credentials: Credentials
    cost: Cost = DEFAULT_COST


@dataclass(frozen=True)
class Issued:
    """A new token with its text, which is shown once."""

    token: Token
    text: str


def add_account(identity: Identity, name: str, password: str | None, *, actor: str) -> Account:
    """Makes the account, or sets its password anew and enables it (`account.set`); that ends its sessions.

    Only admins do; where nobody is an admin yet, anyone may, since that person may make the first admin too.
    """
    kept = hashed(accepted_password(password), secrets.token_bytes(16), identity.cost) if password is not None else ""
    account = Account(person(name), kept, identity.governance.now())
    with identity.governance.ledger.transaction() as books:
        role = _admin(books, actor)
        record(identity, books, actor, role, "account.set", f"account/{name}", {"password": password is not None})
    identity.credentials.save(account)
    end_sessions(identity, name)
    return account


def disable_account(identity: Identity, name: str, *, actor: str, reason: str = "") -> Account:
    """Nobody is recognised as this person any more (`account.disabled`): not by password, session or token."""
    account, said = find_account(identity, name), {"reason": readable(reason, "reason")}
    with identity.governance.ledger.read() as reading:
        role = _admin(reading, actor)
    disabled = replace(account, disabled=True, password="")
    identity.credentials.save(disabled)
    end_sessions(identity, name)
    with identity.governance.ledger.transaction() as books:
        record(identity, books, actor, role, "account.disabled", f"account/{name}", said)
    return disabled


def link_identity(
    identity: Identity, name: str, issuer: str, subject: str, *, actor: str, label: str = "", role: str | None = None
) -> Linked:
    """The provider's identity is this person's (`account.linked`); raises `BlockedError` when it is another's.

    Admins link, and (with `role` given) a provider that recognised somebody new.
    """
    find_account(identity, name)
    for part in (issuer, subject):
        if not part or readable(part, "identity") != part or "|" in issuer or len(part) > 200:
            raise InputError(f"{part!r} is not an issuer or subject")
    link = Linked(f"{issuer}|{subject}", name, readable(label, "label"), identity.governance.now())
    known = identity.credentials.one(Linked, link.id)
    if known is not None:
        if known.account != name:
            raise BlockedError(f"{issuer} {subject} is linked to {known.account}")
        return known
    with identity.governance.ledger.transaction() as books:
        held = role or _admin(books, actor)
        facts = {"issuer": issuer, "subject": subject, "label": label}
        record(identity, books, actor, held, "account.linked", f"account/{name}", facts)
    identity.credentials.save(link)
    return link


def linked_account(identity: Identity, issuer: str, subject: str) -> str | None:
    """The person that the provider's identity belongs to, if that account is in use."""
    link = identity.credentials.one(Linked, f"{issuer}|{subject}")
    account = identity.credentials.one(Account, link.account) if link else None
    return account.id if account is not None and not account.disabled else None


def find_account(identity: Identity, name: str) -> Account:
    """The account; `MissingError` names the ones there are."""
    found = identity.credentials.one(Account, name)
    if found is None:
        known = tuple(one.id for one in identity.credentials.find(Account))
        raise MissingError(unknown("account", name, known), hint="an admin makes accounts: mlmon accounts add NAME")
    return found


def issue_token(
    identity: Identity, account: str, scopes: Collection[str], days: int, *, actor: str, label: str = ""
) -> Issued:
    """A token that acts for the account within its scopes (`token.issued`); its text cannot be shown again.

    People issue tokens for themselves, admins for anybody.
    """
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise InputError(f"a token is valid for 1 to {LONGEST_TOKEN_DAYS} days, got {days}")
    issued = _issued(identity, account, scopes_of(scopes), timedelta(days=days), readable(label, "label"))
    token = issued.token
    with identity.governance.ledger.transaction() as books:
        role = "owner" if actor == account else _admin(books, actor)
        facts = {"account": account, "scopes": list(token.scopes), "days": days, "label": token.label}
        record(identity, books, actor, role, "token.issued", f"token/{token.id}", facts)
    identity.credentials.save(token)
    return issued


def issue_run_token(identity: Identity, account: str, run: Mapping[str, str], *, actor: str) -> Issued:
    """A token for one run of a workflow (`token.issued` with the run's facts): it looks and requests, for a while."""
    issued = _issued(identity, account, RUN_SCOPES, RUN_SPAN, f"run {run.get('run_id', '')}")
    with identity.governance.ledger.transaction() as books:
        facts = {"account": account, "scopes": list(RUN_SCOPES), "run": dict(run)}
        record(identity, books, actor, "machine", "token.issued", f"token/{issued.token.id}", facts)
    identity.credentials.save(issued.token)
    return issued


def _issued(identity: Identity, account: str, scopes: tuple[str, ...], span: timedelta, label: str) -> Issued:
    if find_account(identity, account).disabled:
        raise DeniedError(f"the account {account} is disabled")
    id, secret, now = _identifier(), secrets.token_urlsafe(32), identity.governance.now()
    token = Token(id, account, label, digest(secret), scopes, now, now + span)
    return Issued(token, token_text(id, secret))


def revoke_token(identity: Identity, id: str, *, actor: str) -> Token:
    """Ends a token (`token.revoked`); its owner and admins may, a second time changes nothing.

    It ends before the entry is there: a log that says so of a token that still works would be worse than a missing
    entry, which the second attempt adds.
    """
    token = identity.credentials.one(Token, id)
    if token is None:
        raise MissingError(f"there is no token {id!r}")
    with identity.governance.ledger.read() as reading:
        role = "owner" if actor == token.account else _admin(reading, actor)
    if token.revoked_at is None:
        token = replace(token, revoked_at=identity.governance.now())
        identity.credentials.save(token)
    with identity.governance.ledger.transaction() as books:
        if not books.entries(newest=1, action="token.revoked", subject=f"token/{id}"):
            record(identity, books, actor, role, "token.revoked", f"token/{id}", {"account": token.account})
    return token


def tokens(identity: Identity, account: str | None = None) -> tuple[Token, ...]:
    """Tokens that were issued, newest last."""
    found = identity.credentials.find(Token, **({} if account is None else {"account": account}))
    return tuple(sorted(found, key=lambda token: token.issued_at))


def end_sessions(identity: Identity, account: str) -> None:
    """Ends every session of the account."""
    for session in identity.credentials.find(Session, account=account):
        identity.credentials.remove(Session, session.id)


def record(
    identity: Identity, books: Transaction, actor: str, role: str, action: str, subject: str, data: dict[str, Any]
) -> None:
    """An entry that belongs to no project: about accounts, tokens, sessions."""
    now = identity.governance.now()
    books.append(Entry(books.next_seq, now, actor, role, action, None, None, None, subject, data))


def _admin(books: Reading, actor: str) -> str:
    who = known_actor(books, actor)
    if who.kind == "person" and not books.find(Member, role="admin", project=ANYWHERE):
        return "bootstrap"
    return permit(who, "admin", ANYWHERE)


def _identifier() -> str:
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(8))
