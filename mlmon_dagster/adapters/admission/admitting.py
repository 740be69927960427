"""The gate: a model directory is admitted when every rule holds, and never loaded before."""

from collections.abc import Collection, Iterator
from pathlib import Path

from mlmon_dagster.adapters.admission.files import examine_files
from mlmon_dagster.adapters.admission.findings import Finding, NotAdmittedError
from mlmon_dagster.adapters.admission.formats import examine_content
from mlmon_dagster.adapters.admission.mlmodel import read_mlmodel
from mlmon_dagster.adapters.admission.types import examine_types

UNREAD = frozenset(("registered_model_meta",))
"""A note that MLflow leaves beside a model it has downloaded; nobody reads it."""


def admit(directory: Path, *, unread: Collection[str] = ()) -> None:
    """Raises `NotAdmittedError` with every reason why the model must not be loaded.

    Allowed are plain files of known formats whose bytes are what their names say, an `MLmodel` of the sklearn flavor
    in the skops format without code, and skops files that hold trusted types only. Scanning for known evil would
    always be a step behind; whatever is not known to be harmless is refused. Files in `unread` are not looked into:
    the caller does not read them either.
    """
    if findings := list(examine(directory, unread)):
        raise NotAdmittedError(findings)


def examine(directory: Path, unread: Collection[str] = ()) -> Iterator[Finding]:
    """Every reason not to admit the model; a later kind of rule is looked at only where the ones before hold."""
    plain = list(examine_files(directory))
    yield from plain
    if plain:
        return
    everything = (path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    names = sorted(set(everything) - UNREAD - set(unread))
    _, wrong = read_mlmodel(directory)
    yield from wrong
    formats = [finding for name in names if name not in UNREAD for finding in examine_content(name, directory / name)]
    yield from formats
    if not formats:
        yield from examine_types(directory, names)


def admit_file(path: Path) -> None:
    """The same for a single `.skops` file."""
    findings = list(examine_content(path.name, path))
    if not findings:
        findings = list(examine_types(path.parent, [path.name]))
    if findings:
        raise NotAdmittedError(findings)
