"""`mlmon accounts`: who can log in."""

import sys
from typing import TYPE_CHECKING

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.governance.access import Account

HELP = """Make, show and disable local accounts, with which people log in to the API.

\b
Example:
  mlmon accounts add ann                      # asks for a password
  mlmon accounts add ann --password-stdin < file
  mlmon accounts link ann --subject 583231    # the number of her GitHub account
  mlmon accounts disable ann --reason "left"

An account says who somebody is; what that person may do, roles say (mlmon members).
"""


@click.group(help=HELP)
def command() -> None:
    pass


@command.command(help="Make an account, or set its password anew; that ends its sessions.")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Only tokens and identities at a provider will be recognised.")
@context.acts
def add(name: str, password_stdin: bool, no_password: bool, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.identity import add_account

    password = None if no_password else _password(password_stdin)
    account = add_account(context.identity(), name, password, actor=context.actor_name(actor))
    _show(account, f"{name} can log in" if password else f"the account {name} is made", as_json)


@command.command(help="Nobody is recognised as this person any more: by password, session or token.")
@click.argument("name")
@context.reason_option(required=False)
@context.acts
def disable(name: str, reason: str, actor: str | None, as_json: bool) -> None:
    from mlmon_dagster.lifecycle.identity import disable_account

    account = disable_account(context.identity(), name, actor=context.actor_name(actor), reason=reason)
    _show(account, f"the account {name} is disabled", as_json)


@command.command(help="An identity at a provider is this person's: a GitHub user number, or a subject of an issuer.")
@click.argument("name")
@click.option("--subject", required=True, help="Who it is at the provider: a number or identifier, never an e-mail.")
@click.option("--issuer", default="https://github.com", show_default=True, help="The provider.")
@click.option("--label", default="", help="What the provider calls the person.")
@context.acts
def link(name: str, subject: str, issuer: str, label: str, actor: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.lifecycle.identity import link_identity

    who = context.actor_name(actor)
    linked = link_identity(context.identity(), name, issuer, subject, actor=who, label=label)
    if as_json:
        output.document(asdict(linked))
    else:
        click.echo(f"{subject} of {issuer} is {name}")


@command.command("list", help="Every account.")
@output.json_option
def list_(as_json: bool) -> None:
    from mlmon_dagster.governance.access import Account

    found = context.identity().credentials.find(Account)
    if as_json:
        output.document([_document(one) for one in found])
        return
    rows = [(one.id, "disabled" if one.disabled else "enabled", "yes" if one.password else "no") for one in found]
    output.table("Accounts", ("name", "state", "password"), rows, empty="there is no account: mlmon accounts add NAME")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _show(account: "Account", sentence: str, as_json: bool) -> None:
    if as_json:
        output.document(_document(account))
    else:
        click.echo(sentence)


def _document(account: "Account") -> dict[str, object]:
    return {"name": account.id, "disabled": account.disabled, "password": bool(account.password)}
