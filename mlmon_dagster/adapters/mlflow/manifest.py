"""The manifest of a model: path, size and SHA-256 of every file; its own SHA-256 is the model's digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.errors import DataError

MANIFEST = "manifest.json"

NOT_OURS = frozenset({MANIFEST, "model.sig", "registered_model_meta"})
"""Not part of the model: the manifest itself, a signature, and the note that MLflow leaves beside what it downloads."""


@dataclass(frozen=True)
class Manifest:
    """Path -> (size in bytes, SHA-256) of every file of one model."""

    files: Mapping[str, tuple[int, str]]

    @classmethod
    def of(cls, directory: Path) -> "Manifest":
        """The manifest of what lies in `directory`; `DataError` for links and other things that are not plain files."""
        files = {}
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise DataError(f"{name} in the model is a link or a device; a model holds plain files only")
            if path.is_file() and name not in NOT_OURS:
                files[name] = (path.stat().st_size, _sha256(path))
        return cls(files)

    @property
    def content(self) -> bytes:
        """Canonical JSON: one entry for each file, sorted by path."""
        entries = [
            {"path": path, "sha256": digest, "size": size} for path, (size, digest) in sorted(self.files.items())
        ]
        return json.dumps({"files": entries}, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: the model's digest."""
        return hashlib.sha256(self.content).hexdigest()

    def write(self, directory: Path) -> None:
        """Keeps the manifest beside the files."""
        (directory / MANIFEST).write_bytes(self.content)

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """The manifest kept in `directory`; `DataError` if there is none."""
        try:
            entries = json.loads((directory / MANIFEST).read_bytes())["files"]
            return cls({entry["path"]: (entry["size"], entry["sha256"]) for entry in entries})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the model in {directory} has no readable {MANIFEST}", hint="register the model again"
            ) from error

    def differences(self, other: "Manifest") -> list[str]:
        """One sentence for each file that `other` adds, lacks or has changed."""
        return [
            f"{path} {self._difference(path, other)}"
            for path in sorted(self.files.keys() | other.files.keys())
            if self.files.get(path) != other.files.get(path)
        ]

    def _difference(self, path: str, other: "Manifest") -> str:
        if path not in self.files:
            return "is not in the manifest"
        return "was changed" if path in other.files else "is missing"


def verify(directory: Path, digest: str | None = None) -> Manifest:
    """The manifest of `directory`, after every file was read and compared with it, and it with `digest`.

    Raises `DataError` that names the files which differ, `[EXTRA]` where one was added, else `[DIGEST]`: a model that
    was tampered with is never loaded.
    """
    found, kept = Manifest.of(directory), Manifest.read(directory)
    differences = kept.differences(found)
    if differences:
        code = "EXTRA" if found.files.keys() - kept.files.keys() else "DIGEST"
        raise DataError(
            f"[{code}] the model in {directory} is not what was registered: {', '.join(differences)}",
            hint="somebody or something changed it; deploy another version, or register it again",
        )
    if digest is not None and kept.digest != digest:
        raise DataError(f"[DIGEST] the model in {directory} has digest {kept.digest[:12]}, expected {digest[:12]}")
    return kept


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
