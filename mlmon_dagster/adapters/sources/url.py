"""Rows of files at a URL."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from mlmon_dagster.errors import InputError, MissingError, UnavailableError
from mlmon_dagster.pipeline.places import no_file, not_inside
from mlmon_dagster.pipeline.windows import Window

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Url:
    """Reads one file, or every file that a glob matches, from any place that fsspec knows.

    Example: `{use: url, url: "https://example.org/sales.csv", time: date}`
    """

    url: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z0-9+.-]*://.+", description="fsspec URL of a file, or a glob of files"),
        AfterValidator(no_file),
        AfterValidator(not_inside),
    ]

    def read(self, directory: Path, time: str | None, window: Window | None) -> "pyarrow.Table":
        """All rows, files in the order of their names; they are read whole and the caller cuts the window."""
        from mlmon_dagster.adapters.sources._files import join, read_content

        system = self._system()
        return join({place: read_content(place, content) for place, content in self._contents(system).items()})

    def _system(self) -> Any:
        import fsspec

        try:
            return fsspec.core.url_to_fs(self.url)[0]
        except (ValueError, ImportError) as error:
            raise InputError(
                f"{masked(self.url)} cannot be opened: {error}", hint="check the scheme of `url`"
            ) from error

    def _contents(self, system: Any) -> dict[str, bytes]:
        path = system._strip_protocol(self.url)
        try:
            places = sorted(system.glob(path)) if any(sign in path for sign in "*[") else [path]
            contents = {masked(system.unstrip_protocol(place)): system.cat_file(place) for place in places}
        except (FileNotFoundError, IsADirectoryError):
            contents = {}
        except (OSError, TimeoutError) as error:
            raise UnavailableError(
                f"{masked(self.url)} cannot be read: {error}", hint="is the place reachable?"
            ) from error
        if not contents:
            raise MissingError(f"there is no file {masked(self.url)}", hint="check `url` of the source")
        return contents


def masked(url: str) -> str:
    """The URL without user, password and query, which may hold secrets.

    >>> masked("https://user:secret@example.org/sales.csv?token=secret")
    'https://example.org/sales.csv'
    """
    return re.sub(r"^([a-z0-9+.-]+://)(?:[^/]*@)?([^?#]*).*", r"\1\2", url)
