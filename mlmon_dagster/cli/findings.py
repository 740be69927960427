"""`mlmon findings`: what CI and tests found out, for gates that ask for it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.governance.findings import Finding

HELP = """Record commit statuses and test results that gates ask for (`gate: {statuses: [ci], tests: [integration]}`).

\b
Example:
  mlmon findings status house_prices ci --commit "$(git rev-parse HEAD)" --passed
  mlmon findings test house_prices integration --environment staging --failed --detail "2 of 40 failed"
  mlmon findings list house_prices
"""

COLUMNS = ("name", "about", "environment", "passed", "by", "on", "detail")
F = TypeVar("F", bound=Callable[..., object])


@click.group(help=HELP)
def command() -> None:
    pass


def outcome(decorated: F) -> F:
    """`--passed` or `--failed`, and `--detail`."""
    decorated = click.option("--detail", default="", help="A sentence for people.")(decorated)
    return click.option("--passed/--failed", required=True, help="How it went.")(decorated)


@command.command(help="How CHECK went on a commit of PIPELINE.")
@click.argument("pipeline")
@click.argument("name", metavar="CHECK")
@click.option("--commit", required=True, help="The whole commit.")
@outcome
@context.acts
def status(pipeline: str, name: str, commit: str, passed: bool, detail: str, actor: str | None, as_json: bool) -> None:
    answer = context.acting(actor).findings.status(pipeline, commit, name, passed=passed, detail=detail)
    context.told(answer, _sentence(answer.record, f"commit {commit[:12]}"), as_json=as_json)


@command.command(help="How TEST went on the version of PIPELINE that is live in an environment.")
@click.argument("pipeline")
@click.argument("name", metavar="TEST")
@click.option("--environment", type=click.Choice(("dev", "staging", "prod")), required=True, help="Where it ran.")
@outcome
@context.acts
def test(
    pipeline: str, name: str, environment: str, passed: bool, detail: str, actor: str | None, as_json: bool
) -> None:
    answer = context.acting(actor).findings.test(pipeline, environment, name, passed=passed, detail=detail)
    about = f"model {answer.record.about[:12]} in {environment}"
    context.told(answer, _sentence(answer.record, about), as_json=as_json)


@command.command("list", help="What is known of PIPELINE.")
@click.argument("pipeline")
@output.json_option
def list_(pipeline: str, as_json: bool) -> None:
    found = context.desk().findings.list(pipeline)
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [_row(one) for one in found]
    output.table("Findings", COLUMNS, rows, empty="nothing was reported yet")


def _row(one: "Finding") -> tuple[str | None, ...]:
    on = f"{one.found_at:%Y-%m-%d %H:%M}"
    return one.name, one.about[:12], one.environment, "yes" if one.passed else "no", one.found_by, on, one.detail


def _sentence(found: "Finding", about: str) -> str:
    return f"{found.name} {'passed' if found.passed else 'failed'} for {about}"
