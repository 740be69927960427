"""`mlmon pipelines`: what is declared, what changed, and proposing another file."""

from dataclasses import asdict
from pathlib import Path

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

HELP = """Show declared pipelines, and propose changes of their files, which wait in Git to be merged.

\b
Example:
  mlmon pipelines list
  mlmon pipelines diff house_prices
  mlmon pipelines propose pipelines/house_prices/pipeline.yaml --reason "weekly is too rare"
  mlmon pipelines sync
"""

COLUMNS = ("name", "project", "owner", "windows", "environments", "version", "locked")
WHO = ("proposal", "version", "branch", "pull request", "by", "on", "reason")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help="Declared pipelines, by name.")
@click.option("--project", help="Only of this project.")
@output.json_option
def list_(project: str | None, as_json: bool) -> None:
    found = context.desk().pipelines.list(project)
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [
        (
            one.name,
            one.project,
            one.owner,
            one.windows,
            ", ".join(one.environments),
            one.digest[:12],
            ", ".join(one.locked),
        )
        for one in found
    ]
    output.table("Pipelines", COLUMNS, rows, empty="no pipeline is declared")


@command.command(help="Everything that the file of PIPELINE says, and its locks.")
@click.argument("pipeline")
@output.json_option
def show(pipeline: str, as_json: bool) -> None:
    found = context.desk().pipelines.get(pipeline)
    if as_json:
        output.document(asdict(found))
        return
    import json

    click.echo(f"{found.name} of {found.project}, owned by {found.owner}, version {found.digest[:12]}")
    for lock in found.locks:
        broken = ", and its declaration changed" if lock.stage in found.changed_locks else ""
        click.echo(f"  locked: {lock.stage} by {lock.set_by}{broken}")
    click.echo(json.dumps(found.body, indent=2, ensure_ascii=False))


@command.command(help="What changed between two versions of PIPELINE: by default from prod to what is declared now.")
@click.argument("pipeline")
@click.option("--before", metavar="DIGEST", help="The version to begin with.")
@click.option("--after", metavar="DIGEST", help="The version to end with.")
@output.json_option
def diff(pipeline: str, before: str | None, after: str | None, as_json: bool) -> None:
    found = context.desk().pipelines.diff(pipeline, before, after)
    if as_json:
        output.document([{**asdict(one), "stage": one.stage} for one in found])
        return
    rows = [(one.path, one.before, one.after) for one in found]
    output.table("Changes", ("key", "before", "after"), rows, empty="nothing changed")


@command.command(help="Put FILE on a branch of its repository, to be reviewed and merged.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--new", is_flag=True, help="It declares a pipeline that is not there yet.")
@context.reason_option(required=False)
@context.acts
def propose(file: Path, new: bool, reason: str, actor: str | None, as_json: bool) -> None:
    text = _text(file)
    answer = context.acting(actor).pipelines.propose(text, name=None if new else _declared(text), reason=reason)
    one = answer.record
    where = one.pull_request or f"the branch {one.branch}"
    context.told(answer, f"{one.id}: version {one.digest[:12]} of {one.pipeline} waits in {where}", as_json=as_json)


@command.command(help="What was proposed for PIPELINE.")
@click.argument("pipeline")
@output.json_option
def proposals(pipeline: str, as_json: bool) -> None:
    found = context.desk().pipelines.proposals(pipeline)
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [
        (
            one.id,
            one.digest[:12],
            one.branch,
            one.pull_request,
            one.proposed_by,
            f"{one.proposed_at:%Y-%m-%d}",
            one.reason,
        )
        for one in found
    ]
    output.table("Proposals", WHO, rows, empty="nothing was proposed")


@command.command(help="Bring the pipeline files to the head of the branch that they come from, forward only.")
@click.option("--branch", help="Another branch than the connected repository's.")
@context.acts
def sync(branch: str | None, actor: str | None, as_json: bool) -> None:
    found = context.acting(actor).repositories.update(branch)
    if as_json:
        output.document(asdict(found))
    elif found.before == found.after:
        click.echo(f"up to date at {found.after[:12]}")
    else:
        click.echo(f"from {found.before[:12]} to {found.after[:12]}")


def _text(file: Path) -> str:
    from mlmon_dagster.errors import InputError

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error


def _declared(text: str) -> str | None:
    """The name that the file declares, as far as it can be read; the desk judges the rest."""
    import re

    found = re.search(r"^pipeline:\s*['\"]?([a-z][a-z0-9_]*)", text, re.MULTILINE)
    return found[1] if found else None
