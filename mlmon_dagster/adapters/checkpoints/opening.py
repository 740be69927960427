"""The notary of a process: its key and the stores that `MLMON_CHECKPOINTS` names."""

from pathlib import Path

from mlmon_dagster.adapters.checkpoints.folder import CheckpointFolder
from mlmon_dagster.adapters.secrets import is_reference, secret
from mlmon_dagster.adapters.signing import Ed25519Signer, file_seed, seed_of
from mlmon_dagster.ports import CheckpointStore
from mlmon_dagster.settings import Settings


def open_signer(settings: Settings) -> Ed25519Signer:
    """The key that signs this process's checkpoints; read, or (a file that is not there) made, at first use."""
    reference = settings.checkpoint_key
    if is_reference(reference):
        return Ed25519Signer(lambda: seed_of(secret(reference), reference))
    return Ed25519Signer(lambda: file_seed(Path(reference)))


def open_stores(settings: Settings) -> tuple[CheckpointStore, ...]:
    """The stores, the one that is read first."""
    return tuple(open_store(text) for text in settings.checkpoints)


def open_store(text: str) -> CheckpointStore:
    """A folder by its path."""
    return CheckpointFolder(Path(text))
