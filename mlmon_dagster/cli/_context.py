"""What a command of governance starts from: settings, the opened database, the pipelines, the actor."""

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.errors import InputError

if TYPE_CHECKING:
    from mlmon_dagster.adapters.pipelines import Declared
    from mlmon_dagster.client import Client
    from mlmon_dagster.governance.gates import GateVerdict
    from mlmon_dagster.lifecycle.desk import Desk
    from mlmon_dagster.lifecycle.desk.answers import Recorded
    from mlmon_dagster.lifecycle.governance import Governance
    from mlmon_dagster.lifecycle.identity import Identity
    from mlmon_dagster.resources.governance import Office
    from mlmon_dagster.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def acts(command: F) -> F:
    """The options of every command that changes state: `--as`, `--json`."""
    return output.actor_option(output.json_option(command))


def reason_option(required: bool) -> Callable[[F], F]:
    """`--reason`, recorded in the audit log."""
    missing = {"required": True} if required else {"default": ""}
    return click.option("--reason", help="Why; recorded.", **missing)


def open_office() -> "tuple[Settings, Office]":
    """Settings of this process, and governance with its notary; for commands that no server carries out."""
    from mlmon_dagster.cli._server import refuse_server
    from mlmon_dagster.resources.governance import open_office
    from mlmon_dagster.settings import read_settings

    refuse_server()
    settings = read_settings()
    return settings, open_office(settings)


def open_governance() -> "tuple[Settings, Governance]":
    """Settings of this process and governance over its database."""
    settings, office = open_office()
    return settings, office.governance


def identity() -> "Identity":
    """Accounts and tokens of this process's database."""
    from mlmon_dagster.lifecycle.identity import Identity

    _, office = open_office()
    return Identity(office.governance, office.database.credentials)


def declared_pipelines(settings: "Settings") -> "dict[str, Declared]":
    """Every pipeline of this process, by name."""
    from mlmon_dagster.adapters.pipelines import load_pipelines

    return load_pipelines(settings.pipelines, os.environ)


def declared_pipeline(settings: "Settings", name: str) -> "Declared":
    """The pipeline of that name; `MissingError` names the ones there are."""
    from mlmon_dagster.errors import MissingError
    from mlmon_dagster.plugins import unknown

    found = declared_pipelines(settings)
    if name not in found:
        hint = f"pipelines are read from {settings.pipelines} (MLMON_PIPELINES)"
        raise MissingError(unknown("pipeline", name, tuple(found)), hint=hint)
    return found[name]


def actor_name(actor: str | None) -> str:
    """Who acts: `--as`, else the login name. Machines act through Dagster, not through the command line."""
    from mlmon_dagster.governance.roles import person

    return person(actor.strip() if actor else getpass.getuser())


def desk(actor: str | None = None, *, acts: bool = False) -> "Desk | Client":
    """Where commands go: to the server that `MLMON_URL` names, else to this machine's database.

    At a server the token or session says who acts, here `--as` does. Names here are taken on trust, and nothing is
    hidden: who runs the command line can open the database too.
    """
    from mlmon_dagster.cli._server import server

    remote = server()
    if remote is not None:
        if actor and acts:
            raise InputError(
                "at a server the token or session says who acts, not --as or MLMON_ACTOR",
                hint="unset it, or unset MLMON_URL",
            )
        return remote
    from mlmon_dagster.lifecycle.desk import Desk
    from mlmon_dagster.resources.premises import open_premises

    settings, office = open_office()
    premises = open_premises(settings, os.environ, office, cache(lambda: declared_pipelines(settings)))
    return Desk(premises, actor_name(actor) if acts else "", confined=False)


def acting(actor: str | None) -> "Desk | Client":
    """The desk of a command that changes state."""
    return desk(actor, acts=True)


def told(answer: "Recorded[Any]", sentence: str, *, as_json: bool) -> None:
    """What a command changed, with the receipt: number and hashes of the entry that recorded it; and the gate."""
    receipt = answer.receipt
    if as_json:
        body = {**asdict(answer.record), "receipt": asdict(receipt)}
        output.document(body if answer.gate is None else {**body, "gate": gate_document(answer.gate)})
        return
    click.echo(sentence)
    click.echo(f"receipt: entry {receipt.seq}, hash {receipt.hash}, leaf {receipt.leaf_hash}")
    if answer.gate is not None:
        show_gate(answer.gate, answer.record.environment)


def gate_document(verdict: "GateVerdict") -> dict[str, Any]:
    """The verdict with what it comes to."""
    return {"open": verdict.open, "conditions": [asdict(condition) for condition in verdict.conditions]}


def show_gate(verdict: "GateVerdict", environment: str) -> None:
    """The conditions of a gate, one a line, and who can satisfy the open ones."""
    click.echo(f"The gate of {environment} is {'open' if verdict.open else 'closed'}:")
    for condition in verdict.conditions:
        mark = symbol("✓", "yes") if condition.satisfied else symbol("✗", " no")
        who = f" {symbol('→', '->')} {condition.who}" if condition.who else ""
        click.echo(f"  {mark} {condition.name}: {condition.detail}{who}")


def symbol(sign: str, plain: str) -> str:
    """The sign where the terminal can show it, else plain letters."""
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain
    return sign
