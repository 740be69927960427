"""Checkpoints beside an exported audit log, with the program that verifies both."""

from importlib.resources import files
from pathlib import Path

from mlmon_dagster.adapters.checkpoints.folder import CheckpointFolder
from mlmon_dagster.governance.checkpoints import Key
from mlmon_dagster.ports import CheckpointStore

VERIFIER = "mlmon_verify.py"


def export_checkpoints(store: CheckpointStore, key: Key, file: Path) -> tuple[Path, Path]:
    """Copies every checkpoint of the store to `<file>.checkpoints/` and returns that folder and the verifier's file."""
    folder = file.with_name(f"{file.name}.checkpoints")
    copy = CheckpointFolder(folder)
    for first, leaves in store.leaves():
        copy.keep_leaves(first, leaves)
    for note in store.notes():
        copy.put(int(note.split("\n", 2)[1]), note, b"")
    folder.mkdir(exist_ok=True)
    (folder / "key").write_text(f"{key}\n", encoding="utf-8")
    verifier = file.with_name(VERIFIER)
    verifier.write_bytes(files("mlmon_dagster").joinpath(VERIFIER).read_bytes())
    return folder, verifier
