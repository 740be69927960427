"""What a command of governance starts from: settings, the opened database, the pipelines, the actor."""

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.adapters.pipelines import Declared
    from mlmon_dagster.governance.gates import GateVerdict
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
    """Settings of this process, and governance with its notary."""
    from mlmon_dagster.resources.governance import open_office
    from mlmon_dagster.settings import read_settings

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


def answer(governance: "Governance", record: Any, sentence: str, *, as_json: bool, **more: Any) -> None:
    """What a command changed, with the receipt: number and hashes of the entry that recorded it."""
    receipt = receipt_of(governance, record.seq)
    if as_json:
        output.document({**asdict(record), **more, "receipt": receipt})
        return
    click.echo(sentence)
    click.echo(f"receipt: entry {receipt['seq']}, hash {receipt['hash']}, leaf {receipt['leaf_hash']}")


def receipt_of(governance: "Governance", seq: int) -> dict[str, Any]:
    """Number and hashes of an entry: who keeps it can show later that the log was rewritten."""
    from mlmon_dagster.lifecycle.queries import receipt

    return asdict(receipt(governance, seq))


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
