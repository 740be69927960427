"""`mlmon tokens`: keys for programs."""

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output
from mlmon_dagster.governance.access import LONGEST_TOKEN_DAYS, SCOPES

HELP = """Issue, show and revoke tokens, with which programs call the API.

\b
Example:
  mlmon tokens issue ann --scope read --scope request --days 30 --label "nightly job"
  mlmon tokens revoke ab12cd34

A token acts for its account within its scopes and the person's roles. None of them approves: a person does, logged in.
"""

COLUMNS = ("id", "account", "label", "scopes", "expires", "last used", "state")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command(help="Issue a token for an account; it is shown once.")
@click.argument("account")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), required=True, help="What it is for.")
@click.option("--days", type=click.IntRange(1, LONGEST_TOKEN_DAYS), default=30, show_default=True, help="How long.")
@click.option("--label", default="", help="To recognise it by.")
@context.acts
def issue(account: str, scopes: tuple[str, ...], days: int, label: str, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.identity import issue_token

    who = context.actor_name(actor)
    issued = issue_token(context.identity(), account, scopes, days, actor=who, label=label)
    if as_json:
        output.document({"id": issued.token.id, "token": issued.text, "expires_at": issued.token.expires_at})
        return
    click.echo(issued.text)
    click.echo(f"valid until {issued.token.expires_at:%Y-%m-%d}; it is not shown again", err=True)


@command.command(help="End a token.")
@click.argument("token")
@context.acts
def revoke(token: str, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.identity import revoke_token

    revoked = revoke_token(context.identity(), token, actor=context.actor_name(actor))
    if as_json:
        output.document({"id": revoked.id, "revoked_at": revoked.revoked_at})
    else:
        click.echo(f"the token {revoked.id} of {revoked.account} is revoked")


@command.command("list", help="Tokens that were issued, newest last.")
@click.argument("account", required=False)
@output.json_option
def list_(account: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.lifecycle.identity import tokens

    found = tokens(context.identity(), account)
    if as_json:
        output.document([{name: value for name, value in asdict(one).items() if name != "digest"} for one in found])
        return
    rows = [
        (
            one.id,
            one.account,
            one.label,
            " ".join(one.scopes),
            f"{one.expires_at:%Y-%m-%d}",
            f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "never",
            "revoked" if one.revoked_at else "valid",
        )
        for one in found
    ]
    output.table("Tokens", COLUMNS, rows, empty="no token was issued")
