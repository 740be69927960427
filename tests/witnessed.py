"""A notary with a key and a folder of its own, for tests."""

from pathlib import Path

from mlmon_dagster.adapters.checkpoints.folder import CheckpointFolder
from mlmon_dagster.adapters.signing import Ed25519Signer
from mlmon_dagster.lifecycle.checkpoints import Notary


def notary(folder: Path, seed: bytes = bytes(32), name: str = "mlmon/test") -> Notary:
    """Keeps checkpoints in `folder`, signed with the key of `seed`."""
    return Notary(name, Ed25519Signer(lambda: seed), (CheckpointFolder(folder),))
