"""Rows of objects in S3, or in a store that speaks its protocol."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from mlmon_dagster.errors import MissingError, UnavailableError
from mlmon_dagster.pipeline.places import not_inside
from mlmon_dagster.pipeline.windows import Window

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class S3:
    """Reads the CSV, JSON lines and Parquet objects whose keys start with a prefix.

    Credentials come from the process: its role or its environment.

    Example: `{use: s3, bucket: acme-sales, prefix: 2014/, region: eu-central-1, time: date}`
    """

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="the bucket's name")]
    prefix: Annotated[str, Field(description="key of one object, or the beginning of the keys of several")] = ""
    region: Annotated[str | None, Field(description="default: the process's own (AWS_REGION)")] = None
    endpoint: Annotated[
        Annotated[str, Field(pattern=r"^https?://"), AfterValidator(not_inside)] | None,
        Field(description="of a store that is not Amazon's"),
    ] = None

    def read(self, directory: Path, time: str | None, window: Window | None) -> "pyarrow.Table":
        """All rows, objects in the order of their keys; they are read whole and the caller cuts the window."""
        from mlmon_dagster.adapters.sources._files import join, read_content

        system = self._system()
        try:
            contents = {f"s3://{key}": _content(system, key) for key in self._keys(system)}
        except FileNotFoundError:
            contents = {}
        except OSError as error:
            raise UnavailableError(f"[ACCESS] {self._place} cannot be read: {_first_line(error)}", hint=HINT) from error
        if not contents:
            raise MissingError(
                f"there is no CSV, JSON lines or Parquet object {self._place}", hint="check `bucket` and `prefix`"
            )
        return join({place: read_content(place, content) for place, content in contents.items()})

    @property
    def _place(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def _system(self) -> Any:
        from pyarrow import fs

        scheme, _, host = (self.endpoint or "").partition("://")
        return fs.S3FileSystem(
            region=self.region,
            scheme=scheme or "https",
            endpoint_override=host or None,
            connect_timeout=5,
            request_timeout=60,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
        )

    def _keys(self, system: Any) -> list[str]:
        """Keys, with their bucket, that start with the prefix: S3 lists by text, pyarrow by folder."""
        from pyarrow import fs

        from mlmon_dagster.adapters.tables import ENDINGS

        folder = f"{self.bucket}/{self.prefix.rpartition('/')[0]}".rstrip("/")
        entries = system.get_file_info(fs.FileSelector(folder, recursive=True))
        paths = sorted(entry.path for entry in entries if entry.type == fs.FileType.File)
        return [path for path in paths if path.startswith(f"{self.bucket}/{self.prefix}") and path.endswith(ENDINGS)]


HINT = "check the bucket's name and region, and that this process may list and read it"


def _content(system: Any, key: str) -> bytes:
    with system.open_input_stream(key, compression=None) as stream:
        content: bytes = stream.read()
        return content


def _first_line(error: OSError) -> str:
    return str(error).splitlines()[0]
