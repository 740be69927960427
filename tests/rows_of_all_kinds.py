"""One table with every kind of column and every value that engines have been seen to disagree about."""

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

STRANGE = (
    "",
    " ",
    "it's",
    '"quoted"',
    "straße",
    "日本",
    "NaN",
    "null",
    "a\nb",
    "%_",
    "--",
    "{x}",
    "new",
    "Zebra",
    "zebra",
)


def rows_of_all_kinds(rows: int, seed: int, shift: float = 0.0) -> pa.Table:
    """So many rows, the same ones for the same seed; with a `shift` also a value far beyond the range of the others."""
    random = np.random.default_rng(seed)
    normal = random.normal(shift, 1, rows)
    holes = random.random(rows) < 0.05

    def holed(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind, mask=holes)

    special = normal.copy()
    special[:8] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324]
    moments = np.datetime64("2026-01-01", "us") + random.integers(-(10**15), 10**15, rows).astype("m8[us]")
    words = random.choice([*STRANGE, "common", "common", "common"], rows)
    cents = random.integers(0, 10**7, rows)
    columns = {
        "normal": pa.array(normal),
        "special": pa.array(special, mask=holes),
        "tied": holed(np.round(normal, 1), pa.float64()),
        "zeros": pa.array(np.where(random.random(rows) < 0.4, 0.0, random.lognormal(size=rows))),
        "constant": pa.array(np.full(rows, 3.25)),
        "tiny": pa.array(normal * 1e-310),
        "outlier": pa.array(np.append(random.normal(size=rows - 1), 1e12)),
        "single": holed(normal.astype(np.float32), pa.float32()),
        "half up": pa.array(random.integers(-50, 50, rows) + 0.5),
        "small": holed(random.integers(-5, 6, rows), pa.int32()),
        "byte": pa.array(random.integers(-128, 128, rows), pa.int8()),
        "wide": pa.array(random.integers(-(10**12), 10**12, rows)),
        "id": holed(2**60 + random.integers(0, 3 * rows, rows), pa.int64()),
        "extreme": pa.array(np.append(random.integers(0, 10**6, rows - 2), [-(2**63), 2**63 - 1])),
        "stray": pa.array(np.append(2**62 + random.integers(0, 20 * rows, rows - 1), [-(2**63) if shift else 2**62])),
        "price": pa.array([Decimal(int(one)).scaleb(-2) for one in cents], pa.decimal128(12, 2)),
        "yes": holed(random.random(rows) < 0.3, pa.bool_()),
        "at": pa.array(moments, mask=holes),
        "at utc": pa.array(moments, pa.timestamp("us", "UTC")),
        "day": pa.array([datetime(2026, 1, 1).date() + timedelta(days=int(n)) for n in random.integers(0, 400, rows)]),
        "city": pa.array(words, pa.string(), mask=holes),
        "code": pa.array([f"c{n:05d}" for n in random.integers(0, 20_000, rows)]),
        "select": pa.array(words).dictionary_encode(),
        "nothing": pa.nulls(rows, pa.float64()),
    }  # fmt: skip
    return pa.table(columns)
