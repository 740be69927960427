"""Credentials end before the log says that they ended, whatever happens in between."""

import pytest
from governed import Clock, governed

from mlmon_dagster.adapters.database.opening import Database
from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import SCOPES, Account, Cost, Token
from mlmon_dagster.lifecycle import identity as commands
from mlmon_dagster.lifecycle.identity import Identity, add_account, disable_account, issue_token, revoke_token
from mlmon_dagster.lifecycle.recognition import UnknownCallerError, by_token


class Killed(BaseException):
    """The process ends here."""


def killed(*arguments: object) -> None:
    raise Killed


@pytest.fixture
def identity(database: Database, clock: Clock) -> Identity:
    found = Identity(governed(database, clock), database.credentials, Cost(n=2**4, r=8, p=1))
    add_account(found, "mia", "correct horse battery", actor="root")
    return found


def entries(identity: Identity, action: str) -> int:
    with identity.governance.ledger.read() as reading:
        return len(reading.entries(action=action))


def test_a_token_that_the_log_calls_revoked_never_works(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = issue_token(identity, "mia", SCOPES, 30, actor="mia")
    with monkeypatch.context() as patch:
        patch.setattr(commands, "record", killed)
        with pytest.raises(Killed):
            revoke_token(identity, issued.token.id, actor="mia")
    with pytest.raises(UnknownCallerError):
        by_token(identity, issued.text)
    assert entries(identity, "token.revoked") == 0
    for _ in range(2):
        revoke_token(identity, issued.token.id, actor="mia")
    assert entries(identity, "token.revoked") == 1


def test_an_account_is_disabled_before_the_log_says_so(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "record", killed)
    with pytest.raises(Killed):
        disable_account(identity, "mia", actor="root")
    account = identity.credentials.one(Account, "mia")
    assert account is not None
    assert account.disabled


def test_who_may_not_ends_nothing(identity: Identity) -> None:
    issued = issue_token(identity, "mia", SCOPES, 30, actor="mia")
    with pytest.raises(DeniedError):
        revoke_token(identity, issued.token.id, actor="dan")
    with pytest.raises(DeniedError):
        disable_account(identity, "mia", actor="dan")
    found = identity.credentials.one(Token, issued.token.id)
    assert found is not None
    assert found.revoked_at is None
