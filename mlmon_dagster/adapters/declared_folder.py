"""The pipelines of a folder as they are now, read again only when a file changed."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from mlmon_dagster.adapters.pipelines import Declared, pipeline_files, read_pipelines
from mlmon_dagster.errors import InputError, Problem

Stamp = tuple[tuple[str, int, int], ...]


class DeclaredFolder:
    """Call it for the valid pipelines by name; a file with mistakes is left out and told in `problems`.

    So one team's broken file does not take the others' pipelines away.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._environ = folder, environ
        self._lock = Lock()
        self._stamp: Stamp | None = None
        self._declared: dict[str, Declared] = {}
        self._problems: tuple[Problem, ...] = ()

    def __call__(self) -> dict[str, Declared]:
        with self._lock:
            self._refresh()
            return self._declared

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every mistake of the files as they are now."""
        with self._lock:
            self._refresh()
            return self._problems

    def _refresh(self) -> None:
        try:
            files = pipeline_files(self._folder)
        except InputError as error:
            self._stamp, self._declared = None, {}
            self._problems = (Problem("FOLDER", error.message),)
            return
        stamp = tuple(_stamp(file) for file in files)
        if stamp != self._stamp:
            self._declared, problems = read_pipelines(files, self._environ)
            self._stamp, self._problems = stamp, tuple(problems)


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), status.st_mtime_ns, status.st_size
