"""Pipeline files of a folder, each as a declared pipeline with its digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.git import last_commit
from mlmon_dagster.errors import InputError, InvalidPipelineError, MissingError, Problem
from mlmon_dagster.pipeline.parse import Parsed, parse_body, parse_pipeline
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.versions import version_digest

HINT = "mlmon init DIR makes a pipeline that runs at once"


@dataclass(frozen=True)
class Declared:
    """A pipeline, the file that declares it, and the digest of that version."""

    pipeline: Pipeline
    file: Path
    """Relative paths and the user's own modules are found from its folder."""
    digest: str
    """Of `body`: the same whatever order, spelling or environment."""
    body: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What the file declares, plain; variables as they are written."""

    @cached_property
    def git_commit(self) -> str:
        """The commit that changed the file's folder last, when this was asked first; see `git.last_commit`."""
        return last_commit(self.file.parent)


def load_pipelines(folder: Path, environ: Mapping[str, str]) -> dict[str, Declared]:
    """Every pipeline of the folder by name: `<folder>/<any>/pipeline.yaml` and `<folder>/<any>.yaml`.

    Raises `InvalidPipelineError` with the mistakes of all files, `MissingError` when there is no file.
    """
    declared, problems = read_pipelines(pipeline_files(folder), environ)
    if problems:
        raise InvalidPipelineError(problems)
    return declared


def read_pipelines(files: Iterable[Path], environ: Mapping[str, str]) -> tuple[dict[str, Declared], list[Problem]]:
    """The pipelines of these files by name, and every mistake; a name that is declared twice is one."""
    declared: dict[str, Declared] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            one = load_pipeline(file, environ)
        except InvalidPipelineError as error:
            problems += error.problems
            continue
        if one.pipeline.name in declared:
            other = shown(declared[one.pipeline.name].file)
            problems.append(_problem("DUPLICATE", f"the pipeline {one.pipeline.name} is declared in {other} too", file))
        declared.setdefault(one.pipeline.name, one)
    return declared, problems


def load_pipeline(file: Path, environ: Mapping[str, str]) -> Declared:
    """The pipeline that one file declares; raises `InvalidPipelineError`, or `MissingError` when there is no file."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise MissingError(f"there is no pipeline file {shown(file)}", hint=HINT) from None
    except OSError as error:
        raise InputError(f"{shown(file)} cannot be read: {error.strerror}") from error
    try:
        return _declared(parse_pipeline(raw, file="", environ=environ), file)
    except InvalidPipelineError as error:
        raise InvalidPipelineError([replace(problem, file=shown(file)) for problem in error.problems]) from None


def declare(body: Mapping[str, Any], file: Path, environ: Mapping[str, str]) -> Declared:
    """The pipeline of a body that another program read from `file`, with the same mistakes refused."""
    return _declared(parse_body(body, file=shown(file), environ=environ), file)


def pipeline_files(folder: Path) -> list[Path]:
    """Every pipeline file of the folder, in the order of their names; raises `MissingError` when there is none."""
    if not folder.is_dir():
        raise MissingError(f"there is no folder of pipelines at {shown(folder)} (MLMON_PIPELINES)", hint=HINT)
    found = sorted(_visible([*folder.glob("*/pipeline.yaml"), *folder.glob("*.yaml")]))
    other = sorted(_visible([*folder.glob("*/pipeline.yml"), *folder.glob("*.yml")]))
    if other:
        message = "a pipeline file ends in .yaml: rename it, or it would not be read"
        raise InvalidPipelineError([_problem("FILE", message, file) for file in other])
    if not found:
        wanted = "expected <name>/pipeline.yaml"
        raise MissingError(f"the folder {shown(folder)} (MLMON_PIPELINES) holds no pipeline; {wanted}", hint=HINT)
    return found


def shown(path: Path) -> str:
    """The path as a person would write it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _declared(parsed: Parsed, file: Path) -> Declared:
    return Declared(parsed.pipeline, file.absolute(), version_digest(parsed.body), parsed.body)


def _visible(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if not file.name.startswith(".") and not file.parent.name.startswith(".")]


def _problem(code: str, message: str, file: Path) -> Problem:
    return Problem(code, message, 1, 1, file=shown(file))
