"""How people and programs show who they are: accounts, tokens, sessions. Pure: secrets come in as arguments.

A token is `mlm_<id>_<43 characters>`; a session's secret is 43 characters. Both hold 256 random bits, so a plain
SHA-256 is what is kept of them, and comparing takes the same time whatever is compared.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlmon_dagster.errors import InputError
from mlmon_dagster.plugins import unknown

SCOPES = ("read", "request", "operate", "admin")
"""What a token may be used for. Approving is never among them: a person approves, in a session."""

LONGEST_TOKEN_DAYS = 90
SESSION_SPAN = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=1)
UNCONFIRMED = ("alb",)
"""Ways of being recognised that do not say when the person was there: such a session is fresh once confirmed."""

FRESH = timedelta(minutes=15)
"""How long ago somebody may have entered the password to approve for prod."""

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200

_TOKEN = re.compile(r"mlm_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
_SCOPE_OF = {"see": "read", "request": "request", "admin": "admin"}


@dataclass(frozen=True)
class Account:
    """A person who can be recognised: by a password, or by an identity at a provider."""

    id: str
    """The person's name, as members and entries have it."""
    password: str
    """See `hashed`; empty when no password was set."""
    created_at: datetime
    disabled: bool = False


@dataclass(frozen=True)
class Linked:
    """An identity at a provider (issuer and subject, never an e-mail address) that is a person's."""

    id: str
    """`issuer|subject`."""
    account: str
    label: str
    """What the provider calls the person, to be shown."""
    linked_at: datetime


@dataclass(frozen=True)
class Token:
    """A program's key, which acts for a person within its scopes."""

    id: str
    account: str
    label: str
    digest: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Session:
    """A person at a browser or a terminal."""

    id: str
    """SHA-256 of the secret that the cookie holds."""
    account: str
    csrf: str
    method: str
    """How the person was recognised: `password`, `github`, `alb` or `code`."""
    opened_at: datetime
    seen_at: datetime
    confirmed_at: datetime
    """When the person was recognised last."""

    def valid(self, now: datetime) -> bool:
        """Whether it is neither over nor idle for too long."""
        return now < self.opened_at + SESSION_SPAN and now < self.seen_at + SESSION_IDLE

    def fresh(self, now: datetime) -> bool:
        """Whether the person was recognised a moment ago, as approving for prod takes."""
        return now < self.confirmed_at + FRESH


@dataclass(frozen=True)
class Used:
    """Something that counts once: an OAuth state, the number of a CI token, a delivery of a webhook."""

    id: str
    until: datetime
    value: str = ""


@dataclass(frozen=True)
class Caller:
    """Who calls, and how that was shown."""

    name: str
    method: str
    """`token`, `ci`, or how the session was opened."""
    scopes: tuple[str, ...] | None
    """`None` in a session: everything that the person's roles permit."""
    session: Session | None = None

    def reaches(self, permission: str) -> bool:
        """Whether the scopes cover the permission; approving takes a person."""
        verb = permission.partition(":")[0]
        if self.scopes is None:
            return True
        return verb != "approve" and _SCOPE_OF.get(verb, "operate") in self.scopes


def token_text(id: str, secret: str) -> str:
    """The token as its owner keeps it."""
    return f"mlm_{id}_{secret}"


def token_parts(text: str) -> tuple[str, str] | None:
    """Identifier and secret of a token, if it is written like one.

    >>> token_parts("mlm_ab12cd34_" + "x" * 43)[0]
    'ab12cd34'
    >>> token_parts("Bearer mlm_1")
    """
    found = _TOKEN.fullmatch(text)
    return (found[1], found[2]) if found else None


def digest(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(first: str, second: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(first.encode(), second.encode())


def scopes(names: Collection[str]) -> tuple[str, ...]:
    """The scopes in their order; `InputError` names the ones there are."""
    for name in names:
        if name not in SCOPES:
            raise InputError(unknown("scope", name, SCOPES), hint="no token approves: log in to approve")
    if not names:
        raise InputError("a token needs a scope", hint=f"the scopes are {', '.join(SCOPES)}")
    return tuple(name for name in SCOPES if name in names)


def accepted_password(text: str) -> str:
    """The password itself; `InputError` when it is too short or too long. Never shown."""
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise InputError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, got {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("the password holds bytes that are not UTF-8") from None
    return text


@dataclass(frozen=True)
class Cost:
    """What one guess at a password costs (scrypt, RFC 7914); the default takes 32 MiB and about 0.2 s."""

    n: int = 2**15
    r: int = 8
    p: int = 3


DEFAULT_COST = Cost()


def hashed(password: str, salt: bytes, cost: Cost = DEFAULT_COST) -> str:
    """`scrypt$n$r$p$salt$key`: the cost stands beside the key, so that it can be raised later."""
    key = hashlib.scrypt(password.encode(), salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=2**28, dklen=32)
    return f"scrypt${cost.n}${cost.r}${cost.p}${_written(salt)}${_written(key)}"


def verified(password: str, kept: str) -> bool:
    """Whether the password is the one that was hashed; as slow for an empty or unknown `kept` as for any other."""
    parts = (kept or _NOBODY).split("$")
    n, r, p = (int(part) for part in parts[1:4])
    salt = base64.urlsafe_b64decode(parts[4])
    try:
        found = hashed(password, salt, Cost(n, r, p))
    except UnicodeEncodeError:
        return False
    return same(found, kept)


def _written(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


_NOBODY = f"scrypt${Cost.n}${Cost.r}${Cost.p}${_written(b'0' * 16)}${_written(b'0' * 32)}"
