"""`mlmon login`: opens a session at a server."""

import os
import sys

import click

from mlmon_dagster.cli import _output as output

HELP = """Log in at the server that MLMON_URL names; from then on commands act in your name there.

\b
Example:
  export MLMON_URL=https://mlmon.example.com
  mlmon login ann
  mlmon approve promotion-41
  mlmon login --out

Programs use MLMON_TOKEN instead; approving takes a session, and for prod one that was opened less than 15 minutes ago.
The session is kept in a file that only you can read, and ends after 12 hours or an idle one.
"""


@click.command(help=HELP)
@click.argument("name", required=False)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--out", is_flag=True, help="End the session.")
@output.json_option
def command(name: str | None, password_stdin: bool, out: bool, as_json: bool) -> None:
    from contextlib import suppress

    from mlmon_dagster.cli._server import keep_session, server
    from mlmon_dagster.errors import DeniedError, InputError

    client = server()
    if client is None:
        raise InputError("MLMON_URL does not name a server", hint="export MLMON_URL=https://mlmon.example.com")
    at = client.connection
    if out:
        with suppress(DeniedError):  # it was over already
            at.delete("/api/session")
        keep_session(at.url, None, os.environ)
        _say({"url": at.url, "name": None}, f"logged out of {at.url}", as_json)
        return
    if name is None:
        raise InputError("who logs in? give your name", hint="mlmon login NAME")
    secret, who = at.log_in(name, _password(password_stdin))
    keep_session(at.url, secret, os.environ)
    roles = [f"{held['role']} in {held['project']}" for held in who["roles"]]
    sentence = f"{who['name']} is logged in at {at.url}: {', '.join(roles) or 'without a role'}"
    _say({"url": at.url, "name": who["name"], "roles": who["roles"]}, sentence, as_json)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, err=True))


def _say(document: object, sentence: str, as_json: bool) -> None:
    if as_json:
        output.document(document)
    else:
        click.echo(sentence)
