"""What pydantic finds wrong with a body, said as a person would: what was expected, what came, which names exist."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from mlmon_dagster.errors import Problem
from mlmon_dagster.pipeline.forms import FORMS, NAME
from mlmon_dagster.pipeline.stages import STAGES
from mlmon_dagster.pipeline.vocabulary import known_keys, meaning

Path = tuple[str | int, ...]

_EXPECTED = {
    "string_type": "text",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
}
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_OF_A_KEY = "[key]"


def problems_of(
    error: ValidationError, body: Mapping[str, Any], variables: Mapping[Path, str]
) -> list[tuple[Problem, bool]]:
    """One problem for each mistake, its path as in the file, and whether the key is wrong, not its value.

    The value of a variable is never repeated.
    """
    found: dict[Path, Problem] = {}
    keys: set[Path] = set()
    for detail in error.errors(include_url=False):
        problem = _problem(detail, body, variables)
        if detail["type"] in _UNKNOWN or _OF_A_KEY in detail["loc"]:
            keys.add(problem.path)
        if problem.path not in found:
            found[problem.path] = problem
        elif {problem.code, found[problem.path].code} <= {"TYPE", "VALUE"}:
            found[problem.path] = _either(found[problem.path], problem)
    return [(problem, path in keys) for path, problem in found.items() if not _explained(path, problem, found)]


def _problem(detail: Any, body: Mapping[str, Any], variables: Mapping[Path, str]) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    path, of_key = _path(detail["loc"], body, missing=kind == "missing"), _OF_A_KEY in detail["loc"]
    path += tuple(str(context.get("at", "")).split(".")) if context.get("at") else ()
    if kind in _UNKNOWN:
        return Problem("UNKNOWN_FIELD", _unknown_key(path, body), path=path)
    if kind == "missing":
        return _missing(path, body)
    code, message = _code(kind, context), _message(detail, context)
    if kind in _EXPECTED or kind in ("literal_error", "string_pattern_mismatch"):
        came = variables.get(path) or detail["input"]
        message = f"expected {message}, got {_came(came)}{_near(kind, came, message)}"
    subject = "the key " + repr(path[-1]) if of_key and path else dotted(path)
    return Problem(code, f"{subject}: {message}" if subject else message, path=path)


def dotted(path: Path) -> str:
    """The path as a person writes it: `stages.model_monitoring.channels[0]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _path(location: Sequence[str | int], body: object, *, missing: bool) -> Path:
    """pydantic's location without the names of alternatives and keys, which are not in the file."""
    path: list[str | int] = []
    for number, step in enumerate(location):
        inside = isinstance(body, Mapping) and step in body
        listed = isinstance(body, list) and isinstance(step, int) and step < len(body)
        if inside or listed:
            body = body[step]  # type: ignore[index]
            path.append(step)
        elif (missing or step == "use") and number == len(location) - 1 and step != _OF_A_KEY:
            path.append(step)
    return tuple(path)


def _unknown_key(path: Path, body: Mapping[str, Any]) -> str:
    known = known_keys(body, path[:-1])
    near = get_close_matches(str(path[-1]), known, n=2, cutoff=0.6)
    guess = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"unknown key {path[-1]!r} in {_place(path[:-1])}{guess} (known: {', '.join(known) or 'none'})"


def _missing(path: Path, body: Mapping[str, Any]) -> Problem:
    if path[:-1] == ("stages",):
        message = (
            f"the stage {path[-1]} is missing; every pipeline has all {len(STAGES)} stages "
            f"(one without settings is written `{path[-1]}: {{}}`)"
        )
        return Problem("STAGE_MISSING", message, path=path)
    said = f" ({meaning(body, path)})" if meaning(body, path) else ""
    return Problem("MISSING", f"{path[-1]!r} is missing in {_place(path[:-1])}{said}", path=path)


def _place(path: Path) -> str:
    return dotted(path) or "the pipeline"


def _code(kind: str, context: Mapping[str, Any]) -> str:
    if kind in _EXPECTED:
        return "TYPE"
    if kind.startswith(("greater_than", "less_than")) or kind == "finite_number":
        return "RANGE"
    if context.get("pattern") == NAME or kind == "string_too_long":
        return "NAME"
    return {"literal_error": "VALUE", "value_error": "VALUE", "string_pattern_mismatch": "FORM"}.get(kind, kind.upper())


def _message(detail: Any, context: Mapping[str, Any]) -> str:
    """What was expected, or the whole message where the declaration says it itself."""
    kind = detail["type"]
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "")
    if kind == "string_pattern_mismatch":
        return FORMS.get(context["pattern"], f"text that matches {context['pattern']}")
    message = str(detail["msg"]).removeprefix("Value error, ")
    for given in ("Input should be ", "String should have "):
        if message.startswith(given):
            return f"expected {message.removeprefix(given)}{_given(detail['input'])}"
    return message


def _given(value: object) -> str:
    return f", got {value}" if isinstance(value, int | float) else ""


def _came(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _near(kind: str, value: object, expected: str) -> str:
    if kind != "literal_error" or not isinstance(value, str):
        return ""
    near = get_close_matches(value, expected.replace(" or ", ", ").split(", "), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _either(one: Problem, other: Problem) -> Problem:
    """Two alternatives that were both refused."""
    before, _, came = one.message.rpartition(", got ")
    expected = other.message.rpartition(", got ")[0].partition(": expected ")[2]
    if expected in before:
        return one
    return Problem(one.code, f"{before} or {expected}, got {came}", path=one.path)


def _explained(path: Path, problem: Problem, found: Mapping[Path, Problem]) -> bool:
    """An alternative was refused here, but another came further: what is wrong inside it says more."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in found)
    return problem.code == "TYPE" and deeper
