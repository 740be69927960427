"""What `mlmon init --data` finds in a data set: moments, key, what is predicted from what, and fitting windows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlmon_dagster.errors import InputError
from mlmon_dagster.pipeline.windows import Every, Window, Windows
from mlmon_dagster.plugins import unknown

if TYPE_CHECKING:
    import pyarrow

CLASSES, LEVELS = 20, 50
"""More different values than this are no classes to predict; more different texts are no levels of an input."""

ID = re.compile(r"(^|[^A-Za-z])(id|key|ID|Id|Key)$|[a-z](Id|ID|Key)$")
"""What columns that identify something are called."""

SHOWN = 8
"""Texts of a column that are told one by one."""

WHOLE_CLASSES = 10
"""Whole numbers are classes up to so many different ones, else an amount."""

ROWS, MOST = 200, 200
"""How many rows a window should have, and how many windows there should be at most."""

LEAST = 4
"""Windows that a pipeline needs: some to learn from, some to watch."""

REFERENCE = 0.6
"""Share of the windows that become the reference."""

SEEN = 1_000
"""Values that a text is tried as a moment on."""


@dataclass(frozen=True)
class Trait:
    """One column: its name, its type as in a pipeline's schema (None: no such type), and what its values are like."""

    name: str
    type: str | None
    missing: int
    distinct: int
    unique: bool
    range: str
    levels: tuple[Any, ...] = ()

    @property
    def unfit(self) -> str | None:
        """Why no model should learn from it as it is; None where one may."""
        if self.type is None:
            return self.range
        if self.distinct < 2:
            return "it has one value only" if self.distinct else "it has no value"
        if self.type == "timestamp":
            return "a moment; make features of it"
        if self.unique and self.type in ("string", "integer"):
            return "every row has another value"
        if self.type == "integer" and ID.search(self.name):
            return "an id, not an amount"
        if self.type == "string" and self.distinct > LEVELS:
            return f"{self.distinct:,} different texts"
        return None


@dataclass(frozen=True)
class Survey:
    """What is declared of a data set."""

    rows: int
    time: str
    also_time: tuple[str, ...]
    key: tuple[str, ...]
    target: Trait
    classes: tuple[Any, ...]
    """The values that are predicted; empty for an amount."""
    inputs: tuple[Trait, ...]
    left_out: tuple[Trait, ...]
    windows: Windows
    reference: tuple[Window, ...]
    later: tuple[Window, ...]

    @property
    def positive(self) -> Any:
        """Of two classes the one that binary metrics are about: `true`, 1, yes, else the last in order."""
        liked = [one for one in self.classes if one is True or one == 1 or str(one).lower() in ("yes", "true", "1")]
        return (liked or sorted(self.classes, key=str))[-1]

    @property
    def texts(self) -> tuple[str, ...]:
        """The inputs that a model takes as levels, not as numbers."""
        return tuple(one.name for one in self.inputs if one.type == "string" or (one.type == "boolean" and one.missing))


def survey(table: "pyarrow.Table", target: str, time: str | None, key: Sequence[str]) -> Survey:
    """The survey of a table; `InputError` for a column that is not there and for data no pipeline can be made of."""
    names = tuple(table.column_names)
    for name in (target, *key, *([time] if time else [])):
        if name not in names:
            raise InputError(unknown("column", name, names))
    if not table.num_rows:
        raise InputError("the data has no rows", hint="a pipeline is made of data: take a file with rows")
    traits = {name: _trait(name, table[name]) for name in names}
    times = (time,) if time else tuple(one for one in names if one not in (target, *key) and _is_time(table[one]))
    if not times:
        raise InputError(
            f"no column holds moments ({', '.join(names)})",
            hint="windows are cut by the time of each row: name its column with --time",
        )
    chosen = tuple(key) or _key(traits, table, {target, times[0]})
    _check_key(table, chosen)
    classes = _classes(traits[target])
    others = [one for name, one in traits.items() if name not in (target, times[0], *chosen)]
    inputs = tuple(one for one in others if one.unfit is None)
    if not inputs:
        raise InputError(f"nothing is left to predict {target} from", hint=_why(others))
    windows, every = _windows(table, times[0])
    count = min(max(1, round(REFERENCE * len(every))), len(every) - 1)
    return Survey(
        table.num_rows, times[0], times[1:], chosen, traits[target], classes, inputs,
        tuple(one for one in others if one.unfit), windows, tuple(every[:count]), tuple(every[count:]),
    )  # fmt: skip


def _why(others: Sequence[Trait]) -> str:
    return "; ".join(f"{one.name}: {one.unfit}" for one in others) or "the data has no other columns"


def _trait(name: str, column: "pyarrow.ChunkedArray") -> Trait:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    typed = _type(kind)
    if typed is None:
        return Trait(name, None, 0, 0, False, f"{kind} is no type of a schema")
    column = column.cast(kind)
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_finite(column), column, None)
    present = column.drop_null()
    distinct = pc.count_distinct(present).as_py()
    unique = not column.null_count and distinct == len(column)
    levels = tuple(sorted(present.unique().to_pylist(), key=str)) if distinct <= LEVELS else ()
    bounds = pc.min_max(present).as_py() if typed in ("float", "integer") and distinct else None
    many = f"{distinct:,} different texts" if distinct > SHOWN else ", ".join(map(str, levels))
    told = " to ".join(f"{one:,.6g}" for one in bounds.values()) if bounds else many
    return Trait(name, typed, column.null_count, distinct, unique, told, levels)


def _type(kind: Any) -> str | None:
    import pyarrow as pa

    kinds = pa.types
    for name, tests in (
        ("boolean", (kinds.is_boolean,)),
        ("integer", (kinds.is_integer,)),
        ("float", (kinds.is_floating, kinds.is_decimal)),
        ("string", (kinds.is_string, kinds.is_large_string)),
        ("timestamp", (kinds.is_timestamp, kinds.is_date)),
    ):
        if any(test(kind) for test in tests):
            return name
    return None


def _is_time(column: "pyarrow.ChunkedArray") -> bool:
    """Timestamps and dates, and texts of which the first are moments."""
    import pyarrow as pa

    from mlmon_dagster.assets.moments import parse_moments

    if _type(column.type) == "timestamp":
        return True
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    seen = column.drop_null()[:SEEN]
    return len(seen) > 0 and parse_moments(seen).values.null_count == 0


def _key(traits: dict[str, Trait], table: "pyarrow.Table", taken: set[str]) -> tuple[str, ...]:
    """A column with another text or whole number in every row, rather one that is called an id."""
    found = [
        name
        for name, one in traits.items()
        if one.unique and one.type in ("string", "integer") and name not in taken and not _is_time(table[name])
    ]
    called = [name for name in found if ID.search(name)]
    return tuple((called or found)[:1])


def _check_key(table: "pyarrow.Table", key: tuple[str, ...]) -> None:
    if not key:
        return
    groups = table.group_by(list(key)).aggregate([]).num_rows
    if groups != table.num_rows:
        raise InputError(
            f"--key {','.join(key)} does not tell rows apart: {table.num_rows:,} rows have {groups:,} different ones",
            hint="name every column that it takes, such as --key id,date",
        )


def _classes(target: Trait) -> tuple[Any, ...]:
    """The classes to predict; empty where the target is an amount. `InputError` where it is neither."""
    if target.distinct < 2:
        raise InputError(f"{target.name} cannot be predicted: {target.unfit or 'it has no value'}")
    if target.type in ("string", "boolean"):
        if target.distinct > CLASSES:
            raise InputError(
                f"{target.name} has {target.distinct:,} different texts: neither an amount nor classes",
                hint="--target names the column that the model predicts",
            )
        return target.levels
    if target.type == "integer" and target.distinct <= WHOLE_CLASSES:
        return target.levels
    if target.type not in ("integer", "float"):
        raise InputError(f"{target.name} cannot be predicted: {target.unfit}")
    return ()


def _windows(table: "pyarrow.Table", time: str) -> tuple[Windows, list[Window]]:
    """The shortest windows of enough rows, and all of them from the first row to the last."""
    import pyarrow.compute as pc

    from mlmon_dagster.assets.moments import parse_moments

    moments = parse_moments(table[time]).values.drop_null()
    if not len(moments):
        raise InputError(
            f"{time} holds no moments, such as {table[time][0].as_py()!r}",
            hint="times are timestamps, dates, ISO 8601 text, YYYYMMDD, or seconds since 1970",
        )
    low, high = (pc.min_max(moments)[side].as_py() for side in ("min", "max"))
    fitting = {every: _between(every, low, high) for every in ("daily", "weekly", "monthly")}
    enough = {every: found for every, found in fitting.items() if LEAST <= len(found[1]) <= MOST}
    if not enough:
        if len(fitting["monthly"][1]) > MOST:
            return fitting["monthly"]
        raise InputError(
            f"{time} goes from {low:%Y-%m-%d} to {high:%Y-%m-%d}: too short to compare windows of a day",
            hint=f"at least {LEAST} days are needed, the first of them to learn from",
        )
    full = [found for found in enough.values() if len(moments) / len(found[1]) >= ROWS]
    return full[0] if full else list(enough.values())[-1]


def _between(every: Every, low: datetime, high: datetime) -> tuple[Windows, list[Window]]:
    """The windows from the first moment to the last."""
    one = Windows(every, f"{low:%Y-%m-%d}")
    end = one.at(high).end
    return Windows(every, f"{one.first:%Y-%m-%d}", f"{end:%Y-%m-%d}"), list(one.between(one.first, end))
