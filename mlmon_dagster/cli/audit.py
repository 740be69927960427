"""`mlmon audit`: the log of every decision, and whether it was left alone."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _context as context
from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from datetime import datetime

    from mlmon_dagster.governance.audit import Sealed

HELP = """Read, verify and export the audit log.

\b
Example:
  mlmon audit list house_prices
  mlmon audit verify
  mlmon audit export audit.jsonl
  mlmon audit prove 41 > proof.json
  mlmon audit asof 2026-01-05T12:00Z
  mlmon audit fsck
  mlmon audit predictions house_prices
"""

COLUMNS = ("entry", "at", "actor", "role", "action", "subject", "environment", "reason")


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help="The newest entries, newest last.")
@click.argument("pipeline", required=False)
@click.option("--limit", type=click.IntRange(min=1, max=10_000), default=50, show_default=True, help="How many.")
@click.option("--action", help="Only this action, such as promotion.approved.")
@click.option("--actor", help="Only what this person or machine did.")
@output.json_option
def list_(pipeline: str | None, limit: int, action: str | None, actor: str | None, as_json: bool) -> None:
    lines = context.desk().audit.list(pipeline, action, actor, newest=limit)
    if as_json:
        output.document([_document(line) for line in lines])
        return
    output.table("Audit log", COLUMNS, [_row(line) for line in lines], empty="the audit log has no such entry")


@command.command(help="Check that nothing was changed: the whole log of the database, or an exported FILE.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Trust checkpoints signed by this verifier key only.")
@output.json_option
def verify(file: Path | None, keys: tuple[str, ...], as_json: bool) -> None:
    from mlmon_dagster.client import Client
    from mlmon_dagster.errors import TamperedError
    from mlmon_dagster.governance.audit import verify as verify_lines
    from mlmon_dagster.governance.checkpoints import key as parse
    from mlmon_dagster.lifecycle.checkpoints import verify_checkpoints

    if file is not None:
        length, last = verify_lines(_read(file))
        body = {"entries": length, "hash": last}
        said = f"{length} entries, unbroken; the last hash is {last}"
    elif isinstance(desk := context.desk(), Client):
        seen = desk.audit.verify()
        if not seen.valid:
            raise TamperedError(seen.message, seq=seen.seq or 1)
        body = {"entries": seen.entries, "hash": seen.hash}
        said = f"the server says: {seen.entries} entries, unbroken; the last hash is {seen.hash}"
    else:
        _, office = context.open_office()
        office.governance.ledger.verify()
        found = verify_checkpoints(office.governance.ledger, office.notary, [parse(text) for text in keys])
        at = found.newest.at if found.newest else None
        body = {
            "entries": found.entries,
            "hash": found.hash,
            "checkpoints": found.checkpoints,
            "covered": found.entries - found.uncovered,
            "checkpoint_at": at,
        }
        covered = f"{found.checkpoints} checkpoints agree, {found.uncovered} entries are not covered yet"
        said = f"{found.entries} entries, unbroken; {covered}; the last hash is {found.hash}"
    if as_json:
        output.document(body)
    else:
        click.echo(said)


@command.command(help="Write every entry to FILE, with its checkpoints and a program that verifies them elsewhere.")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@output.json_option
def export(file: Path, as_json: bool) -> None:
    from mlmon_dagster.adapters.checkpoints.export import export_checkpoints
    from mlmon_dagster.lifecycle.keys import keys_of

    _, office = context.open_office()
    written, last = 0, ""
    with file.open("w", encoding="utf-8") as sink:
        for line in office.governance.ledger.lines():
            body = {"seq": line.seq, "payload": line.payload.decode(), "leaf": line.leaf, "hash": line.hash}
            sink.write(json.dumps(body, ensure_ascii=False) + "\n")
            written, last = line.seq, line.hash
    first = keys_of(office.governance.ledger, office.notary.key)[0]
    folder, verifier = export_checkpoints(office.notary.stores[0], first, file)
    command = f"python3 {verifier} {file} --checkpoints {folder} --key {first}"
    if as_json:
        output.document({"file": str(file), "entries": written, "hash": last, "verify": command})
    else:
        click.echo(f"{written} entries written to {file}; the last hash is {last}")
        click.echo(f"anybody verifies them with:\n  {command}")


@command.command(help="Sign the log as it is now and keep the checkpoint (else one is written every minute).")
@output.json_option
def checkpoint(as_json: bool) -> None:
    from mlmon_dagster.lifecycle.checkpoints import write_checkpoint

    _, office = context.open_office()
    found, note = write_checkpoint(office.governance.ledger, office.notary, office.governance.now())
    if as_json:
        output.document({"size": found.size, "root": found.tree.root.hex(), "at": found.at, "note": note})
    else:
        click.echo(note, nl=False)


@command.command(help="Print the verifier key that auditors need.")
@output.json_option
def key(as_json: bool) -> None:
    _, office = context.open_office()
    output.document({"key": str(office.notary.key)}) if as_json else click.echo(str(office.notary.key))


@command.group(help="Keys that sign checkpoints: which ones did, and going on with another one.")
def keys() -> None:
    pass


@keys.command("list", help="Every key that signed the log, the first one first; auditors trust the first.")
@output.json_option
def list_keys(as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.lifecycle.keys import signing_keys

    _, office = context.open_office()
    found = signing_keys(office.governance.ledger, office.notary.key)
    if as_json:
        output.document([asdict(one) for one in found])
        return
    rows = [[one.id, one.seq or "", one.introduced_by, "yes" if one.present else ""] for one in found]
    output.table("Keys", ("key", "entry", "introduced by", "signs now"), rows, empty="there is no key")


@keys.command(help="Sign with another key from now on: the old one signs the entry that introduces it.")
@click.option("--to", "place", metavar="KEY", help="A file or reference to it; by default a new file takes the place.")
@context.reason_option(required=True)
@context.acts
def rotate(place: str | None, reason: str, actor: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.adapters.checkpoints.opening import open_key
    from mlmon_dagster.adapters.secrets import is_reference
    from mlmon_dagster.adapters.signing import next_key, replace_key
    from mlmon_dagster.errors import InputError
    from mlmon_dagster.lifecycle.keys import rotate_key

    settings, office = context.open_office()
    file, old = Path(settings.checkpoint_key), office.notary.key
    if place is None and is_reference(settings.checkpoint_key):
        raise InputError(
            f"the key is {settings.checkpoint_key}: it is not made here",
            hint="make another, and name it: --to env:NAME",
        )
    signer = open_key(place or str(next_key(file)))
    done = rotate_key(office.governance, office.notary, signer, actor=context.actor_name(actor), reason=reason)
    if place is None:
        replace_key(file, old.id.hex())
    by_itself = "processes that run read it by themselves"
    next_step = by_itself if place is None else f"set MLMON_CHECKPOINT_KEY={place} and restart every process that signs"
    if as_json:
        output.document({**asdict(done), "before": str(old), "next": next_step})
    else:
        click.echo(f"{done.id} signs from entry {done.seq} on; {next_step}")


@command.command(help="Prove that entry SEQ is in the signed log: a document that mlmon_verify.py checks.")
@click.argument("seq", type=click.IntRange(min=1))
@click.option("--since", type=click.IntRange(min=0), help="Prove too that the log begins with its first SINCE entries.")
@output.json_option
def prove(seq: int, since: int | None, as_json: bool) -> None:
    from mlmon_dagster.client import Client
    from mlmon_dagster.errors import InputError
    from mlmon_dagster.lifecycle.proofs import prove as prove_entry

    desk = context.desk()
    if isinstance(desk, Client):
        if since is not None:
            raise InputError("a server proves that an entry is there, not what the log began with (--since)")
        output.document(desk.audit.prove(seq))
        return
    _, office = context.open_office()
    found = prove_entry(office.governance.ledger, office.notary, seq, office.governance.now(), since=since)
    output.document(found.document)


@command.command(help="What was true at TIME, such as 2026-01-05T12:00Z: champions, approvers, thresholds, alerts.")
@click.argument("time")
@output.json_option
def asof(time: str, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.lifecycle.history import as_of

    _, governance = context.open_governance()
    past = as_of(governance, moment(time))
    if as_json:
        output.document({**asdict(past), "thresholds": past.thresholds})
        return
    click.echo(f"As of {past.moment:%Y-%m-%d %H:%M:%S} UTC, after entry {past.seq}:")
    for live in past.champions:
        click.echo(f"  live in {live.environment}: version {live.version} of {live.pipeline} ({live.id})")
    for project, people in past.approvers.items():
        click.echo(f"  approvers in {'all projects' if project == '*' else project}: {', '.join(people)}")
    for version in past.pipelines:
        click.echo(f"  declared: {version.id} by {version.declared_by} on {version.declared_at:%Y-%m-%d %H:%M}")
        for kind, declared in past.thresholds[version.pipeline].items():
            click.echo(f"    {kind}: {json.dumps(declared, ensure_ascii=False)}")
    for alert in past.alerts:
        click.echo(f"  open: {alert.id}, {alert.check} of {alert.pipeline}: {alert.reason}")
    for asked in past.promotions:
        click.echo(f"  pending: {asked.id}, version {asked.version} of {asked.pipeline} to {asked.environment}")


@command.command(help="Examine everything that can be: chain, tables, checkpoints in every place, signing, guards.")
@output.json_option
@click.pass_context
def fsck(ctx: click.Context, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.adapters.database.roles import guards_of
    from mlmon_dagster.lifecycle.soundness import examine

    settings, office = context.open_office()
    engine = office.database.engine
    parts = list(examine(office.governance, office.notary, lambda: guards_of(engine, strict=settings.production)))
    if as_json:
        output.document([asdict(part) for part in parts])
    else:
        for part in parts:
            mark = context.symbol("✓", "yes") if part.sound else context.symbol("✗", " no")
            click.echo(f"{mark} {part.part}: {part.said}")
    ctx.exit(0 if all(part.sound for part in parts) else 1)


@command.command(help="Compare every file of shipped predictions with the log: what is missing or changed.")
@click.argument("pipeline", required=False)
@output.json_option
@click.pass_context
def predictions(ctx: click.Context, pipeline: str | None, as_json: bool) -> None:
    from functools import cache

    from mlmon_dagster.adapters.prediction_log.destinations import destination_of
    from mlmon_dagster.adapters.prediction_log.inventory import file_at
    from mlmon_dagster.lifecycle.shipments import examine_shipped

    _, governance = context.open_governance()
    opened = cache(destination_of)
    found = list(examine_shipped(governance, pipeline, lambda place, key: file_at(opened(place), key)))
    faulty = [one for one in found if one.fault]
    if as_json:
        faults = [{"pipeline": one.pipeline, "place": one.place, "key": one.key, "fault": one.fault} for one in faulty]
        output.document({"files": len(found), "faults": faults})
    else:
        for one in faulty:
            click.echo(f"{context.symbol('✗', 'no')} {one.place}/{one.key}: {one.fault}")
        click.echo(f"{len(found) - len(faulty)} of {len(found)} recorded files are as they were shipped")
    ctx.exit(1 if faulty else 0)


@command.command(help="Write the tables that are derived from the log again.")
@output.json_option
def rebuild(as_json: bool) -> None:
    _, governance = context.open_governance()
    governance.ledger.rebuild()
    length, last = governance.ledger.verify()
    if as_json:
        output.document({"entries": length, "hash": last})
    else:
        click.echo(f"rebuilt from {length} entries; the last hash is {last}")


def moment(text: str) -> "datetime":
    """The moment that somebody wrote: UTC where nothing else is said."""
    from datetime import datetime, timezone

    from mlmon_dagster.errors import InputError

    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InputError(f"{text[:60]!r} is no time", hint="for example 2026-01-05T12:00Z or 2026-01-05") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _read(file: Path) -> "list[Sealed]":
    from mlmon_dagster.errors import InputError
    from mlmon_dagster.governance.audit import Sealed

    lines = []
    for number, text in enumerate(file.read_bytes().splitlines(), 1):
        try:
            body = json.loads(text)
            lines.append(Sealed(body["seq"], body["payload"].encode(), body["leaf"], body["hash"]))
            bytes.fromhex(body["hash"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{file}, line {number}: not a line of an exported audit log") from error
    return lines


def _document(line: "Sealed") -> dict[str, Any]:
    return {**json.loads(line.payload), "leaf": line.leaf, "hash": line.hash}


def _row(line: "Sealed") -> list[Any]:
    entry = line.entry
    reason = entry.data.get("reason") or ""
    moment = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return [entry.seq, moment, entry.actor, entry.role, entry.action, entry.subject, entry.environment, reason]
