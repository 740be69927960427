"""The notary of a process: its key and the stores that `MLMON_CHECKPOINTS` names."""

from pathlib import Path
from urllib.parse import parse_qsl

from mlmon_dagster.adapters.checkpoints.folder import CheckpointFolder
from mlmon_dagster.adapters.checkpoints.git import CheckpointRef
from mlmon_dagster.adapters.checkpoints.s3 import CheckpointBucket
from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.adapters.signing import Ed25519Signer, file_seed, seed_of
from mlmon_dagster.errors import InputError
from mlmon_dagster.ports import CheckpointStore
from mlmon_dagster.settings import Settings


def open_signer(settings: Settings) -> Ed25519Signer:
    """The key that signs this process's checkpoints."""
    return open_key(settings.checkpoint_key)


def open_key(reference: str) -> Ed25519Signer:
    """A key by its file or reference; read, or (a file that is not there) made, at first use."""
    if is_reference(reference):
        return Ed25519Signer(lambda: seed_of(secret(reference), reference))
    return Ed25519Signer(lambda: file_seed(Path(reference)))


def open_stores(settings: Settings) -> tuple[CheckpointStore, ...]:
    """The stores, the one that is read first."""
    return tuple(open_store(text) for text in settings.checkpoints)


def open_store(text: str) -> CheckpointStore:
    """A folder by its path, `git:PATH?ref=...&remote=...`, or `s3://BUCKET/PREFIX?lock=COMPLIANCE&days=3650`."""
    place, _, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if place.startswith("s3://"):
        bucket, _, prefix = place[5:].partition("/")
        _refuse_others(text, options, {"lock", "days", "endpoint"})
        lock, days = options.get("lock", ""), options.get("days", "3650")
        if lock not in ("", "COMPLIANCE", "GOVERNANCE") or not days.isdecimal() or not bucket:
            raise InputError(f"MLMON_CHECKPOINTS: {text!r} names no bucket, lock or days", hint=EXAMPLES)
        return CheckpointBucket(bucket, prefix.strip("/") or "checkpoints", lock, int(days), options.get("endpoint"))
    if place.startswith("git:"):
        _refuse_others(text, options, {"ref", "remote"})
        return CheckpointRef(Path(place[4:]), **options)
    return CheckpointFolder(Path(text))


EXAMPLES = "for example .mlmon/checkpoints, git:.?remote=origin, s3://bucket/checkpoints?lock=COMPLIANCE"


def _refuse_others(text: str, options: dict[str, str], known: set[str]) -> None:
    for name in options:
        if name not in known:
            raise InputError(f"MLMON_CHECKPOINTS: {text!r} has the option {name}; there are {', '.join(sorted(known))}")
