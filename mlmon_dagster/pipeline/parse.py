"""A pipeline file's text, or the body that another program read, as a `Pipeline`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pydantic import ValidationError

from mlmon_dagster import plugins
from mlmon_dagster.errors import InvalidPipelineError, Problem
from mlmon_dagster.pipeline.body import body_of
from mlmon_dagster.pipeline.document import Document, Path, read_document
from mlmon_dagster.pipeline.mistakes import dotted, problems_of
from mlmon_dagster.pipeline.scalar import Refused, fill, has_variable
from mlmon_dagster.pipeline.spec import Pipeline

LATE: tuple[Path, ...] = (("stages", "model_monitoring", "channels"),)
"""Below these paths variables are secrets: they are read when an alert is sent, and stay as written until then."""


@dataclass(frozen=True)
class Parsed:
    """A pipeline and the body that declares it (see `body.body_of`), in which variables stay as they are written."""

    pipeline: Pipeline
    body: Mapping[str, Any]


def parse_pipeline(text: bytes | str, *, file: str, environ: Mapping[str, str]) -> Parsed:
    """The pipeline that `text` declares; `${NAME}` is filled in from `environ`.

    Raises `InvalidPipelineError` with every mistake, each with `file`, line, column, and what was expected there.
    """
    return _parsed(read_document(text, environ, LATE), file)


def parse_body(body: Mapping[str, Any], *, file: str, environ: Mapping[str, str]) -> Parsed:
    """The same from a body that another program read (Dagster's component loader): mistakes have paths, no lines."""
    document = Document()
    document.body = _filled(dict(body), (), document, environ)
    return _parsed(document, file)


def _parsed(document: Document, file: str) -> Parsed:
    problems = list(document.problems)
    pipeline: Pipeline | None = None
    if not document.broken:
        try:
            pipeline = plugins.validate(Pipeline, document.body)
        except ValidationError as error:
            told = [problem.path for problem in problems]
            found = problems_of(error, document.body, document.variables)
            problems += [_placed(one, document, of_key) for one, of_key in found if not _follows(one.path, told)]
    if pipeline is None or problems:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        raise InvalidPipelineError([replace(problem, file=file) for problem in problems])
    return Parsed(pipeline, body_of(pipeline, document.variables))


def _placed(problem: Problem, document: Document, of_key: bool) -> Problem:
    if not document.values:
        return problem
    missing = problem.path not in document.values
    path = problem.path[:-1] if missing else problem.path
    line, column = document.key_place(path) if missing or of_key else document.place(path)
    return replace(problem, line=line, column=column)


def _follows(path: Path, told: list[Path]) -> bool:
    """Whether the mistake may only be the consequence of one that was told: at the same place, around or inside it."""
    return any(path[: len(other)] == other[: len(path)] for other in told if other)


def _filled(value: Any, path: Path, document: Document, environ: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _filled(inner, (*path, str(key)), document, environ) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, (*path, place), document, environ) for place, inner in enumerate(value)]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and has_variable(value) and not any(path[: len(late)] == late for late in LATE):
        document.variables[path] = value
        value = fill(value, environ)
        if isinstance(value, Refused):
            document.problems.append(Problem(value.code, f"{dotted(path)}: {value.message}", path=path))
            return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    document.problems.append(Problem("TYPE", f"{dotted(path)}: {type(value).__name__} is no plain value", path=path))
    return None
