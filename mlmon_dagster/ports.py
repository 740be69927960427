"""What the product needs from the outside world; adapters provide it, tests run one suite over all of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mlmon_dagster.governance.audit import Entry, Sealed
from mlmon_dagster.governance.check import Judged

if TYPE_CHECKING:
    import pyarrow

    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.pipeline.windows import Window


class SourceReader(Protocol):
    """Family `source`: reads rows as an Arrow table.

    With a window and the name of the time column a reader may leave out rows outside of the window (and should,
    where the far side can filter); the caller filters again. Relative paths are relative to `directory`,
    the folder of the pipeline file. Raises `DataError` for unreadable data, `UnavailableError` when out of reach.
    A source that can tell without reading whether its rows changed has `fingerprint(directory)` too.
    """

    def read(self, directory: Path, time: str | None, window: "Window | None") -> "pyarrow.Table": ...


@dataclass(frozen=True)
class Rows:
    """Rows where they are, before anybody has read them.

    Either a `table` (pandas, polars, Arrow, or an engine's own that has not been read yet), or a `place`: a path,
    folder, glob or URL of files, or the URL of a database. `query` says which of them: a SELECT statement, or a table's
    name. An engine whose declaration names a table of its own counts the rows of that one from `start` to before `end`.
    """

    table: Any = None
    place: str = ""
    query: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Engine(Protocol):
    """Family `engine`: counts rows on a profile's grids where they are, and returns whole numbers, never rows.

    The counts are a profile `like` the one given: the columns that the rows have too, the same bytes from every
    engine. A column of another kind than the profile's has its kind and its rows, and nothing that could be measured.
    Raises `DataError` for rows that cannot be read, `InputError` for a place the engine does not reach,
    `UnavailableError` when it does not answer or its library is not installed.
    """

    def count(self, rows: Rows, profile: "Profile") -> "Profile": ...


class ObjectStore(Protocol):
    """Bytes under keys such as `house_prices/data_ingestion/2014-05-05/manifest.json`; a put is atomic and durable."""

    def put(self, key: str, content: bytes) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises `MissingError`."""
        ...

    def exists(self, key: str) -> bool: ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with `prefix`, in order."""
        ...

    def delete(self, key: str) -> None: ...


@dataclass(frozen=True)
class ModelVersion:
    """An immutable model: name, number, digest.

    `digest` is the SHA-256 of the manifest (path, size and SHA-256 of every file of the model).
    """

    name: str
    number: int
    digest: str
    uri: str
    inputs: tuple[str, ...]
    """Names of the model's input columns, in order."""
    created_at: datetime


class ModelRegistry(Protocol):
    """Registered model versions with their reference profile; MLflow in both worlds."""

    def register(
        self,
        model: Any,
        *,
        name: str,
        example: Any,
        profile: bytes,
        facts: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
    ) -> ModelVersion:
        """Registers a fitted model with signature and input example; the same content gives the same version again.

        `files` are kept with the model and belong to its digest: name -> content.
        """
        ...

    def register_uri(self, uri: str, *, name: str, profile: bytes, facts: Mapping[str, str]) -> ModelVersion:
        """Registers a pre-trained model by MLflow URI or path."""
        ...

    def pretrained(self, uri: str) -> Any:
        """A pre-trained model before it is registered: `.model`, `.inputs` (names) and `.example` (or `None`)."""
        ...

    def version(self, name: str, number: int) -> ModelVersion:
        """Raises `MissingError`, `UnavailableError`."""
        ...

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """Newest first; empty when the model is unknown."""
        ...

    def load(self, version: ModelVersion) -> Any:
        """The model with `predict(pandas.DataFrame)`, after its digest is verified."""
        ...

    def native(self, version: ModelVersion) -> Any:
        """The fitted model itself, after its digest is verified, for what it gives beyond predictions."""
        ...

    def profile(self, version: ModelVersion) -> bytes:
        """The reference profile's bytes; `MissingError` when the version has none."""
        ...

    def file(self, version: ModelVersion, name: str) -> bytes:
        """One of the files it was registered with; `MissingError` when it has none of that name."""
        ...

    def attach(self, version: ModelVersion, files: Mapping[str, bytes]) -> None:
        """Keeps files beside a registered version: path -> bytes, replacing those of the same path.

        They are no part of the model: its digest stays as it is.
        """
        ...

    def attached(self, version: ModelVersion, path: str) -> bytes:
        """The bytes of an attached file; `MissingError` when there is none of that path."""
        ...

    def example(self, version: ModelVersion) -> Any:
        """The input example as a pandas DataFrame."""
        ...

    def aliases(self, name: str) -> Mapping[str, int]:
        """Alias -> number of the version it points to; empty when the model is unknown."""
        ...

    def point(self, version: ModelVersion, environment: str) -> None:
        """Moves the alias `environment` to this version: a result of a deployment, never an input."""
        ...


@dataclass(frozen=True)
class Placement:
    """What a target is asked to run: a version, for an environment, under a deployment's id."""

    deployment: str
    pipeline: str
    environment: str
    version: ModelVersion
    strategy: str


@dataclass(frozen=True)
class Serving:
    """What runs on a target now."""

    deployment: str
    version: int
    digest: str
    address: str
    """Base URL of the server."""
    status: str
    """`healthy`, `unhealthy` or `stopped`."""
    detail: str = ""


@dataclass(frozen=True)
class Guard:
    """When a target takes the traffic from a version by itself, at once and whoever watches."""

    error_rate: float = 0.05
    """Share of failed requests from which on it does (requirement 5.6)."""
    minimum_requests: int = 20
    """Requests it must have seen before their error rate counts."""
    alpha: float = 0.001
    """Probability of taking the traffic from a version that is no worse than the live one, however long one looks."""


@dataclass(frozen=True)
class Shift:
    """How much of an environment's traffic a started version gets, and under which guard."""

    share: float
    """Percent of the requests; 0 with `shadows` means copies of them."""
    shadows: bool = False
    guard: Guard = Guard()
    sticky: str | None = None
    """Header by whose value requests are split, so that the same caller meets the same version."""


@dataclass(frozen=True)
class Traffic:
    """One version of an environment as its traffic sees it, since it has its present share."""

    deployment: str
    version: int
    role: str
    """`live`, `candidate`, `shadow` or `standby`."""
    share: float
    """Percent of the requests."""
    status: str
    """`healthy`, `unhealthy` or `stopped`."""
    requests: int = 0
    failed: int = 0
    """Requests that the version did not answer, or with a status of 500 or more; callers got an answer elsewhere."""
    refused: int = 0
    """Requests that it answered with a status of 400 to 499."""
    latency_ms: float | None = None
    """Mean time to an answer, geometric."""
    latency_p99_ms: float | None = None
    seconds: float = 0.0
    """How long it has had this share."""
    compared: int = 0
    """Answers of a shadow that were compared with the live version's."""
    differing: int = 0
    mean_difference: float | None = None
    """Mean absolute difference of the numbers that were compared."""
    tripped: str | None = None
    """Why the guard took the traffic from it, if it did."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Name of a comparison with the live version -> p-value that holds at any time (see `drift.sequential`)."""


class Target(Protocol):
    """Family `target`: where a deployment runs. Every call is idempotent by the deployment's id."""

    def start(self, placement: Placement, settings: Any) -> Serving:
        """Starts the version beside what is live and returns when it is healthy; `FailedError` when it is not."""
        ...

    def shift(self, placement: Placement, shift: Shift, settings: Any) -> Serving:
        """Gives the started version its share of the traffic, the live one the rest; what is live stays so.

        Where nothing is live it gets everything. A version that is live already keeps everything.
        """
        ...

    def switch(self, placement: Placement, settings: Any) -> Serving:
        """Makes the started version live with all traffic.

        The one before stands by where the strategy keeps it (`canary`, `blue_green`), and is stopped where not.
        """
        ...

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Any) -> None:
        """Gives a deployment's traffic back to what is live and stops its servers; nothing happens when none run."""
        ...

    def live(self, pipeline: str, environment: str, settings: Any) -> Serving | None:
        """What is live in the environment, with its present health."""
        ...

    def traffic(self, pipeline: str, environment: str, settings: Any) -> Sequence[Traffic]:
        """Every version the environment runs, the live one first; empty where nothing runs."""
        ...


class Channel(Protocol):
    """Family `channel`: how an alert travels. Raises `UnavailableError` when it could not be delivered."""

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Measured:
    """One metric of one window (or, with `window` None, of a moment)."""

    pipeline: str
    environment: str | None
    stage: str
    window: str | None
    name: str
    value: float
    version: int | None
    at: datetime


class Metrics(Protocol):
    """Named numbers that stages found; recording a stage's window replaces what it recorded for it before.

    A value that is no number (NaN) was not measured and is not kept.
    """

    def record(self, measured: Sequence[Measured]) -> None: ...

    def series(
        self, pipeline: str, environment: str | None, name: str, *, since: str | None = None
    ) -> Sequence[Measured]:
        """Oldest window first."""
        ...

    def latest(self, pipeline: str, environment: str | None) -> Mapping[str, Measured]:
        """The newest value of every metric, by name."""
        ...

    def last(self, pipeline: str, environment: str | None, name: str, count: int) -> Sequence[Measured]:
        """The values of a metric that were measured last, oldest first."""
        ...

    def after(self, cursor: int, *, limit: int) -> Sequence[tuple[int, Measured]]:
        """Values recorded after `cursor`, in the order of recording, each with the cursor that follows it."""
        ...

    def heard(self, names: Collection[str]) -> Mapping[tuple[str, str, str], datetime]:
        """(pipeline, environment, name) -> when each of these metrics was measured last; one query for all."""
        ...


class Judgements(Protocol):
    """Verdicts of checks; recording a stage's window (or moment) replaces what it recorded for it before.

    A verdict that was recorded with the same reason before is no news: it keeps its place in the order of recording.
    """

    def record(self, judged: Sequence[Judged]) -> None: ...

    def latest(self, pipeline: str, environment: str | None) -> Mapping[str, Judged]:
        """The verdict of every check on the newest window it was judged on, by name."""
        ...

    def history(
        self, pipeline: str, environment: str | None, check: str | None = None, *, since: str | None = None
    ) -> Sequence[Judged]:
        """Oldest window first."""
        ...

    def failures(self, pipeline: str, environment: str | None) -> Mapping[str, Judged]:
        """The verdict other than `ok` of every check that was recorded last, by name."""
        ...

    def of(
        self, check: str, *, pipelines: Sequence[str], environments: Sequence[str], windows: Sequence[str]
    ) -> Sequence[Judged]:
        """The verdicts of one check in all of these windows of all of these pipelines."""
        ...

    def after(self, cursor: int, *, limit: int) -> Sequence[tuple[int, Judged]]:
        """Verdicts recorded after `cursor`, in the order of recording, each with the cursor that follows it."""
        ...

    def newest(self, stage: str) -> Mapping[tuple[str, str], "Newest"]:
        """(pipeline, environment) -> what the stage judged last: one query for all pipelines."""
        ...


@dataclass(frozen=True)
class Newest:
    """The newest window that a stage judged, and the moment of its last judgement."""

    window: str
    at: datetime


R = TypeVar("R")


class Reading(Protocol):
    """A consistent look at the projections (see `governance.projections.RECORDS`)."""

    def find(self, kind: type[R], **where: Any) -> tuple[R, ...]:
        """Records whose fields equal `where` (a tuple means one of several), in order of their first entry."""
        ...

    def one(self, kind: type[R], id: str) -> R | None:
        """The record `id`, if there is one."""
        ...

    def line(self, seq: int) -> Sealed:
        """The entry with that number; raises `MissingError`."""
        ...

    def entries(
        self, *, newest: int | None = None, before: int | None = None, after: int | None = None, **where: str
    ) -> tuple[Sealed, ...]:
        """Entries of the audit log whose indexed fields equal `where`, oldest first; if given, only the `newest`.

        `before` and `after` leave out entries that do not come before or after that number.
        """
        ...


class Transaction(Reading, Protocol):
    """A command's reads and writes: all of it happens, alone and at once, or nothing does."""

    @property
    def next_seq(self) -> int:
        """The number that the next entry will have; identifiers of new records end in it."""
        ...

    def append(self, entry: Entry) -> Sealed:
        """Chains the entry to the log and carries out what it changes in the projections."""
        ...


class Ledger(Protocol):
    """Where the audit log and its projections are kept. Raises `UnavailableError` when out of reach."""

    def read(self) -> AbstractContextManager[Reading]: ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commands of all processes follow one another; an exception undoes everything."""
        ...

    def lines(self, *, after: int = 0) -> Iterator[Sealed]:
        """The log after the entry with that number, oldest first; the whole of it by default."""
        ...

    def verify(self) -> tuple[int, str]:
        """Length and last hash of the log, when the chain, its head and every projection agree.

        Raises `TamperedError` with the first entry that does not.
        """
        ...

    def rebuild(self) -> None:
        """Writes every projection again from the log."""
        ...


class Signer(Protocol):
    """An Ed25519 key: what signs checkpoints."""

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...

    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether the signature over the message was made with the key of `public`."""
        ...


class CheckpointStore(Protocol):
    """Where signed checkpoints are kept, outside of the database; raises `UnavailableError` when out of reach.

    For every size the first and the latest note are kept: a later one of the same size makes those between idle.
    """

    def newest(self) -> str | None:
        """The note of the greatest size that was put last."""
        ...

    def notes(self) -> Iterator[str]:
        """Kept notes, in the order they were put."""
        ...

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        """`(number of the first entry, leaf hashes of 32 bytes each)`, to tell which entry was changed."""
        ...

    def put(self, size: int, note: str, leaves: bytes) -> None:
        """Keeps the note of a log of `size` entries, with the leaf hashes of the newest of them."""


class Credentials(Protocol):
    """Accounts, tokens, sessions and what counts once (see `governance.access`), each by its `id`."""

    def one(self, kind: type[R], id: str) -> R | None: ...

    def find(self, kind: type[R], **where: Any) -> tuple[R, ...]:
        """Records whose fields equal `where`."""
        ...

    def save(self, record: Any) -> None:
        """Keeps the record in place of the one with its `id`."""
        ...

    def claim(self, record: Any) -> bool:
        """Keeps the record unless there is one with its `id`; of several that try at once, one is told `True`."""
        ...

    def remove(self, kind: type[Any], id: str) -> bool:
        """Whether there was one; of several that try at once, one is told `True`."""
        ...
