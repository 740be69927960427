"""`mlmon scenarios`: whether a server's drift detection says what it must."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.errors import InputError, MissingError, UnavailableError

if TYPE_CHECKING:
    import httpx

    from mlmon_dagster.drift.scenarios import Outcome, Scenario


@click.command("scenarios", short_help="Test a server's drift detection with records of which the answer is known.")
@click.argument("url")
@click.option(
    "--file", type=click.Path(path_type=Path), help="A scenarios.yaml (default: the one beside the pipeline's file)."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this scenario; repeatable.")
@output.json_option
def command(url: str, file: Path | None, only: tuple[str, ...], as_json: bool) -> int:
    """Ask the server at URL about ordinary, moderate and wild records, and compare its drift scores with what they
    must be.

    \b
    mlmon scenarios http://127.0.0.1:8080
    mlmon scenarios http://127.0.0.1:8080 --only baseline --only moderate

    Without a scenarios.yaml beside the pipeline's file, the records are made from the reference of the model version
    that the server says it serves. Exit code 0 when detection works, 1 when it does not, 5 when nobody answers.
    """
    import httpx

    from mlmon_dagster.adapters.scenarios import SECONDS, ask_scenarios

    url = url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise InputError(f"expected the address of a server, such as http://127.0.0.1:8080; got {url!r}")
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        served = _health(client)
        scenarios, origin = _scenarios(served, file)
    chosen = _chosen(scenarios, only)
    outcomes = ask_scenarios(url, dict(chosen))
    works = all(one.passed for one in outcomes)
    if as_json:
        output.document(_document(url, served, origin, outcomes, works))
    else:
        _show(served, origin, outcomes, dict(chosen), works)
    return 0 if works else 1


def _health(client: "httpx.Client") -> dict[str, Any]:
    import httpx

    try:
        seen: dict[str, Any] = client.get("/health").json()
        return {name: seen[name] for name in ("model", "version", "digest", "pipeline")}
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise UnavailableError(f"{client.base_url} does not answer as an inference server: {error}") from error
    except KeyError as error:
        message = f"{client.base_url} does not answer as an inference server: /health has no {error}"
        raise UnavailableError(
            message, hint="give the server's base address, as `mlmon deployments` shows it"
        ) from error


def _scenarios(served: dict[str, Any], file: Path | None) -> "tuple[dict[str, Scenario], str]":
    """The scenarios, and where they come from."""
    from mlmon_dagster.adapters.pipelines import shown
    from mlmon_dagster.adapters.scenarios import FILE, read_scenarios, scenarios_of_version
    from mlmon_dagster.settings import read_settings

    settings = read_settings()
    pipeline = served["pipeline"] or served["model"]
    beside = settings.pipelines / str(pipeline) / FILE
    if file is not None or beside.is_file():
        return read_scenarios(file or beside), shown(file or beside)
    from mlmon_dagster.adapters.mlflow.registry import open_registry

    registry = open_registry(settings)
    try:
        version = registry.version(str(served["model"]), int(served["version"] or 0))
    except MissingError as error:
        hint = f"give a scenarios.yaml with --file, or write {shown(beside)}"
        raise MissingError(f"nothing is known about what the server must say: {error.message}", hint=hint) from error
    if version.digest != served["digest"]:
        raise InputError(f"the server does not serve the registered version {version.number} of {version.name}")
    return scenarios_of_version(registry, version), f"the reference of {version.name} version {version.number}"


def _chosen(scenarios: "dict[str, Scenario]", only: tuple[str, ...]) -> "list[tuple[str, Scenario]]":
    from mlmon_dagster.plugins import unknown

    for name in only:
        if name not in scenarios:
            raise MissingError(unknown("scenario", name, tuple(scenarios)))
    return [(name, one) for name, one in scenarios.items() if not only or name in only]


def _document(url: str, served: dict[str, Any], origin: str, outcomes: "list[Outcome]", works: bool) -> dict[str, Any]:
    return {
        "url": url,
        **served,
        "scenarios_from": origin,
        "scenarios": [
            {
                "name": one.name,
                "records": one.records,
                "average": None if math.isnan(one.average) else one.average,
                "alerts": one.alerts,
                "passed": one.passed,
                "faults": list(one.faults),
            }
            for one in outcomes
        ],
        "works": works,
    }


def _show(
    served: dict[str, Any], origin: str, outcomes: "list[Outcome]", expected: "dict[str, Scenario]", works: bool
) -> None:
    from rich.text import Text

    rows = [
        (
            one.name,
            one.records,
            f"{one.average:.2f}",
            f"{expected[one.name].average:.2f}",
            f"{one.alerts} of {one.records}",
            Text("works", style="green") if one.passed else Text("fails", style="bold red"),
            "; ".join(one.faults),
        )
        for one in outcomes
    ]
    columns = ("scenario", "records", "average", "expected", "alerts", "detection", "why")
    output.table(f"{served['model']} version {served['version']}, by {origin}", columns, rows, empty="no scenario")
    click.echo("\ndrift detection works" if works else "\ndrift detection does not work, see above")
