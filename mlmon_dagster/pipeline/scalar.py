"""What a scalar of a pipeline file means: YAML 1.2's core rules, variables, and what is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Value = str | int | float | bool | None

_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_FIRST = frozenset("~nNtTfF+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_LARGEST = 2**63 - 1

_VARIABLE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\})?")


@dataclass(frozen=True)
class Refused:
    """A scalar that cannot be accepted."""

    code: str
    message: str


def read_plain(text: str) -> Value | Refused:
    """The value of an unquoted scalar.

    `NO`, `yes`, `12:30:45` and `2014-11-01` are strings, as in YAML 1.2; `010`, which is 8 to some readers and 10
    to others, is refused, and so is what no JSON number can be.

    >>> read_plain("NO"), read_plain("12:30:45"), read_plain("0.1"), read_plain("~")
    ('NO', '12:30:45', 0.1, None)
    >>> read_plain("010")
    Refused(code='AMBIGUOUS', message="010 is 8 to some readers and 10 to others: write 10, or '010' for the text")
    """
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _LEADING_ZERO.fullmatch(text):
        return _ambiguous(text)
    if _INTEGER.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else Refused("RANGE", "the number is too large")
    if _NO_NUMBER.fullmatch(text):
        return Refused("RANGE", f"{text} is not a finite number")
    return text


def _ambiguous(text: str) -> Refused:
    if len(text) > 20:
        return Refused("RANGE", "the integer is too large: expected at most 64 bits")
    decimal = str(int(text))
    octal = f"{int(text, 8)} to some readers and {decimal} to others" if set(text) <= set("+-01234567") else "ambiguous"
    return Refused("AMBIGUOUS", f"{text} is {octal}: write {decimal}, or '{text}' for the text")


def _integer(text: str) -> int | Refused:
    if len(text) > 24:
        return Refused("RANGE", "the integer is too large: expected at most 64 bits")
    number = int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    return number if abs(number) <= _LARGEST else Refused("RANGE", "the integer is too large: expected at most 64 bits")


def has_variable(text: str) -> bool:
    """Whether the text names a variable, or escapes one."""
    return "${" in text


def fill(text: str, environ: Mapping[str, str]) -> str | Refused:
    """The text with `${NAME}` and `${NAME:-default}` replaced from `environ`; `$${` stands for `${` itself.

    As in a shell, the default is also for a variable that is set but empty. Values are never printed.

    >>> fill("data/${FEED:-sales}.csv", {}), fill("$${NAME}", {})
    ('data/sales.csv', '${NAME}')
    >>> fill("${FEED}", {})
    Refused(code='ENV', message='the environment variable FEED is not set: set it, or write ${FEED:-default}')
    """
    parts, end = [], 0
    for found in _VARIABLE.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        value = "${" if found[0] == "$${" else _value(found, environ)
        if isinstance(value, Refused):
            return value
        parts.append(value)
    return "".join([*parts, text[end:]])


def _value(found: "re.Match[str]", environ: Mapping[str, str]) -> str | Refused:
    name, default = found["name"], found["default"]
    if name is None:
        return Refused(
            "ENV", "expected ${NAME} or ${NAME:-default} after `${`; write $${ for the characters themselves"
        )
    if environ.get(name):
        return environ[name]
    if default is not None:
        return str(default[2:])
    state = "set but empty" if name in environ else "not set"
    return Refused("ENV", f"the environment variable {name} is {state}: set it, or write ${{{name}:-default}}")
