"""Scenarios of a file, and of a registered version's reference."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mlmon_dagster.adapters.origin import PROBE
from mlmon_dagster.adapters.pipelines import shown
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scenarios import Outcome, Scenario, judge_answers, scenarios_of
from mlmon_dagster.drift.zscore import Baseline
from mlmon_dagster.errors import InputError, MissingError, Problem, UnavailableError
from mlmon_dagster.pipeline.document import Document, read_document
from mlmon_dagster.ports import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    import httpx

FILE = "scenarios.yaml"
"""Beside `pipeline.yaml`: what drift detection must say of some records."""

SECONDS = 10
"""How long a server may take for one answer."""

_Scenarios: TypeAdapter[dict[str, Scenario]] = TypeAdapter(dict[str, Scenario])


def read_scenarios(file: Path) -> dict[str, Scenario]:
    """The scenarios of a YAML file by name; `InputError` with every mistake, its line and column."""
    import json

    try:
        document = read_document(file.read_bytes(), {})
    except FileNotFoundError:
        raise MissingError(f"there is no file {shown(file)}") from None
    except OSError as error:
        raise InputError(f"{shown(file)} cannot be read: {error.strerror}") from error
    problems, found = list(document.problems), {}
    if not problems:
        try:
            found = _Scenarios.validate_json(json.dumps(document.body))
        except ValidationError as error:
            problems = [_problem(detail) for detail in error.errors()]
    placed = [_placed(one, document, shown(file)) for one in problems]
    if placed or not found:
        raise InputError("\n".join(map(str, placed)) or f"{shown(file)} declares no scenario")
    return found


def scenarios_of_version(registry: ModelRegistry, version: ModelVersion) -> dict[str, Scenario]:
    """Scenarios made from the reference that the version was registered with."""
    from pandas.api.types import is_bool_dtype, is_integer_dtype

    example = registry.example(version)
    baseline = Baseline.of(Profile.from_bytes(registry.profile(version)), version.inputs)
    integers = [str(name) for name, kind in example.dtypes.items() if is_integer_dtype(kind) or is_bool_dtype(kind)]
    record: dict[str, Any] = example.to_dict("records")[0]
    return scenarios_of(baseline, record, integers)


def ask_scenarios(address: str, scenarios: Mapping[str, Scenario]) -> list[Outcome]:
    """What the server at `address` says of each scenario's records; `UnavailableError` when it does not answer.

    The records are marked as a probe's, so that monitoring does not take them for those of callers.
    """
    import httpx

    with httpx.Client(base_url=address, timeout=SECONDS, headers=PROBE) as client:
        return [
            judge_answers(name, one, [_ask(client, record) for record in one.records])
            for name, one in scenarios.items()
        ]


def _ask(client: "httpx.Client", record: Any) -> dict[str, Any]:
    """The answer; a refusal is an answer without a score."""
    import httpx

    try:
        answer = client.post("/predict", json=dict(record))
        body = answer.json()
    except httpx.HTTPError as error:
        raise UnavailableError(f"{client.base_url} stopped answering: {error}") from error
    except ValueError:
        return {}
    return body if answer.is_success and isinstance(body, dict) else {}


def _placed(problem: Problem, document: Document, file: str) -> Problem:
    line, column = (problem.line, problem.column) if problem.line else document.place(problem.path)
    return replace(problem, line=line, column=column, file=file)


def _problem(detail: Any) -> Problem:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    return Problem("SCENARIO", f"{'.'.join(map(str, path))}: {detail['msg'].removeprefix('Value error, ')}", path=path)
