"""A column of a database as expressions: its value without gaps, what a gap is, and its distance in units of a grid."""

from dataclasses import dataclass
from typing import Any, Literal

from mlmon_dagster.drift.column import Kind
from mlmon_dagster.drift.grid import LIMIT, Grid
from mlmon_dagster.errors import DataError

MISSING, INFINITE, MINUS_INFINITE = -1, -2, -3
"""What stands for the bin of a row that has no value to be measured."""

INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class SqlValue:
    """An ordered column; rows without a finite value hold 0 in `value`, and `gap` says which of the codes they are."""

    value: Any
    gap: Any
    """MISSING, INFINITE or MINUS_INFINITE, 0 for the others."""
    type: Literal["float64", "int64"]
    factor: int
    """Units of the profile in one of this value: moments are nanoseconds there and microseconds here."""
    dtype: str
    """As the kernel would tell it."""


def kind_of(name: str, dtype: Any) -> Kind:
    """What a database's type is for drift methods."""
    if dtype.is_boolean():
        return "boolean"
    if dtype.is_numeric():
        return "numeric"
    if dtype.is_string():
        return "categorical"
    if dtype.is_timestamp() or dtype.is_date():
        return "datetime"
    raise DataError(f"column {name!r} has the type {dtype}, expected numbers, booleans, moments or text")


def is_void(dtype: Any) -> bool:
    """Whether it is the type of NULL, which DuckDB calls one of its own."""
    return bool(dtype.is_null() or (dtype.is_unknown() and 'kind="NULL"' in str(dtype)))


def value_of(column: Any, dialect: str) -> SqlValue:
    """The expressions of an ordered column."""
    import ibis

    dtype = column.type()
    if dtype.is_integer():
        value, native = column.cast("int64"), str(dtype.copy(nullable=True))
    elif dtype.is_numeric():
        exact = column.cast("string") if _is_divided(dtype, dialect) else column
        value, native = exact.cast("float64"), "float32" if str(dtype) == "float32" else "float64"
        gap = ibis.cases(
            (value.isnull() | value.isnan(), MISSING),
            (value.isinf() & (value > 0), INFINITE),
            (value.isinf(), MINUS_INFINITE),
            else_=0,
        )
        return SqlValue(ibis.ifelse(gap == 0, value, 0.0), gap, "float64", 1, native)
    else:
        value, native = _microseconds(column, dialect), "datetime64[ns]"
    gap = ibis.ifelse(value.isnull(), MISSING, 0)
    factor = 1 if dtype.is_integer() else 1000
    return SqlValue(ibis.ifelse(value.isnull(), 0, value), gap, "int64", factor, native)


def literal(number: float) -> Any:
    """That float64 exactly: of a number with a point but no exponent, databases make a decimal, and round it again."""
    import ibis

    return ibis.literal(repr(number)).cast("float64")


def _is_divided(dtype: Any, dialect: str) -> bool:
    """Whether a decimal number becomes a float64 by rounding twice, as in Trino those of 16 to 18 digits."""
    return bool(dtype.is_decimal() and dialect in ("trino", "athena") and (dtype.precision or 38) in (16, 17, 18))


def _microseconds(column: Any, dialect: str) -> Any:
    """Since 1970 in UTC, exact; the session's time zone is UTC."""
    import ibis

    dtype = column.type()
    if dtype.is_timestamp() and dtype.scale is not None and dtype.scale > 6:
        raise DataError(f"column {column.get_name()!r} is finer than a microsecond", hint="cast it in the query")
    moment = column.cast("timestamp") if dtype.is_date() else column
    if dialect in ("trino", "athena"):  # they have no difference in microseconds, and seconds as a float64
        seconds = moment.truncate("s").epoch_seconds()
        fraction = moment.epoch_seconds() - seconds
        return seconds.cast("int64") * 1_000_000 + (fraction * 1e6 + 0.5).floor().cast("int64")
    zone = getattr(dtype, "timezone", None)
    start = ibis.timestamp("1970-01-01T00:00:00", timezone="UTC") if zone else ibis.timestamp("1970-01-01T00:00:00")
    return moment.delta(start, unit="microsecond")


def units_of(value: SqlValue, grid: Grid, dialect: str) -> Any:
    """The value in units of the grid, as `Grid.fixed` has it: whole numbers within LIMIT."""
    import ibis

    away, scale = _offset(value, grid.origin), 2.0**grid.exponent
    if dialect == "postgres":
        return _without_overflow(away, grid)
    inside = ibis.least(ibis.greatest(away * scale + 0.5, -LIMIT), LIMIT)
    return inside.floor().cast("int64")


def _without_overflow(away: Any, grid: Grid) -> Any:
    """The same for a database that refuses a float64 that overflows or vanishes: neither is left to it."""
    import ibis

    cases = []
    if grid.exponent > -976:
        far = 2.0 ** (48 - grid.exponent)
        cases += [(away >= far, LIMIT), (away <= -far, -LIMIT)]
    near = 2.0 ** (-grid.exponent - 2)
    cases.append(((away < near) & (away > -near), 0.0))
    return ibis.cases(*cases, else_=(away * 2.0**grid.exponent + 0.5).floor()).cast("int64")


def _offset(value: SqlValue, origin: int | float) -> Any:
    """The distance from the origin as float64: of whole numbers exact, then rounded once."""
    import ibis

    if value.type == "float64" or isinstance(origin, float):
        return value.value.cast("float64") - literal(float(origin))
    low, high = max(INT64[0], origin - INT64[1]), min(INT64[1], origin + INT64[1])
    if value.factor > 1:
        return (value.value * value.factor - origin).cast("float64")
    inside = (value.value >= low) & (value.value <= high)
    beyond = (value.value.cast("decimal(38,0)") - ibis.literal(origin).cast("decimal(38,0)")).cast("float64")
    return ibis.ifelse(inside, (value.value - origin).cast("float64"), beyond)


def gap_of(column: Any) -> Any:
    """For a column that is not measured: MISSING for a row without a value, 0 for every other."""
    import ibis

    empty = column.isnull() | column.isnan() if column.type().is_floating() else column.isnull()
    return ibis.ifelse(empty, MISSING, 0)
