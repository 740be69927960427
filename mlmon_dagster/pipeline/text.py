"""The characters of a pipeline file: its encoding, its size, and what may not stand in it."""

import re

from mlmon_dagster.errors import Problem

LARGEST = 256 * 1024
"""Bytes of a pipeline file at most."""

_FORBIDDEN = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\u2029\\u202f-\\u2065\\u206a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
"""Control characters, surrogates, byte order marks inside, and marks that make a text read otherwise than it is."""

_SECRET = re.compile(
    r"(?P<aws>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"
    r"|(?P<key>-----BEGIN [A-Z ]*PRIVATE KEY-----)"
    r"|(?P<github>\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}))"
    r"|(?P<slack>\bxox[abeprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T[A-Z0-9]+/B)"
    r"|(?P<url>://[^/\s:@\"'${}]*:[^/\s@\"'${}]+@)"
)
_SIGNS = (
    "AKIA",
    "ASIA",
    "PRIVATE KEY",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "xox",
    "slack.com",
    "://",
)
"""One of these is in every secret: looking for them first is a hundred times quicker."""

_SECRETS = {
    "aws": "an AWS access key",
    "key": "a private key",
    "github": "a GitHub token",
    "slack": "a Slack token",
    "url": "a password in a URL",
}


def read_text(raw: bytes | str) -> str | Problem:
    """The text without byte order mark and without doubt: UTF-8, not too large, no control characters, no secrets."""
    size = len(raw) if isinstance(raw, bytes) else len(raw.encode(errors="replace"))
    if size > LARGEST:
        return Problem("SIZE", f"the file has {size:,} bytes; expected at most {LARGEST:,}", 1, 1)
    text = _decoded(raw) if isinstance(raw, bytes) else raw
    if isinstance(text, Problem):
        return text
    text = text.removeprefix("\ufeff")
    forbidden = forbidden_character(text)
    if forbidden:
        message = f"{describe(forbidden[0])} may not stand in a pipeline file"
        return Problem("CHAR", message, *place(text, forbidden.start()))
    return _secret(text) or text


def forbidden_character(text: str) -> "re.Match[str] | None":
    """The first character that may not stand in a pipeline file, written out or escaped."""
    return _FORBIDDEN.search(text)


def describe(character: str) -> str:
    """Its name for a person, never the character itself."""
    return f"the character U+{ord(character):04X}"


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _decoded(raw: bytes) -> str | Problem:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4]:
        return Problem("ENCODING", "the file is UTF-16 or UTF-32; expected UTF-8", 1, 1)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode().removeprefix("\ufeff")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return Problem("ENCODING", message, *place(before, len(before)))


def _secret(text: str) -> Problem | None:
    """Also in comments: what was committed once is known. The value is not repeated."""
    found = _SECRET.search(text) if any(sign in text for sign in _SIGNS) else None
    if found is None:
        return None
    message = (
        f"this looks like {_SECRETS[str(found.lastgroup)]}: revoke it, and name an environment variable as ${{NAME}}"
    )
    return Problem("SECRET", message, *place(text, found.start()))
