"""Makes the data of the drift benchmark: two tables of 25 columns, 50 windows, scores with labels, a long Parquet."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 131_072


def table(rows: int, seed: int, drift: float) -> pa.Table:
    """20 numeric columns (normal, lognormal, uniform, exponential, gamma to 2 decimals; every other one drifts
    slightly), 2 of codes and 3 of text."""
    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for place in range(20):
        shift = 0.0 if place % 2 == 0 else drift * 0.05 * (1 + place // 2)
        kinds = (
            lambda shift: random.normal(shift, 1 + 0.1 * shift, rows),
            lambda shift: random.lognormal(shift, 1, rows),
            lambda shift: random.uniform(shift, 1 + shift, rows),
            lambda shift: random.exponential(1 + shift, rows),
            lambda shift: np.round(random.gamma(2, 2 + shift, rows), 2),
        )
        columns[f"n{place:02d}"] = kinds[place % 5](shift)
    for name, count in (("ci0", 5), ("ci1", 50), ("cs0", 3), ("cs1", 20), ("cs2", 1000)):
        chances = 1 / np.arange(1, count + 1) ** (1 + 0.1 * drift)
        codes = random.choice(count, rows, p=chances / chances.sum())
        if name.startswith("cs"):
            words = pa.array([f"cat_{code:04d}" for code in range(count)])
            columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), words).cast(pa.string())
        else:
            columns[name] = codes.astype(np.int64)
    return pa.table(columns)


def make(folder: Path, stream_rows: int) -> None:
    """Everything, unless it is there."""
    (folder / "windows").mkdir(parents=True, exist_ok=True)
    (folder / "stream").mkdir(exist_ok=True)
    for name, rows in (("L", 1_000_000), ("S", 10_000)):
        for side, seed, drift in (("reference", 1, 0.0), ("window", 2, 1.0)):
            write(folder / f"{name}_{side}.parquet", partial(table, rows, seed, drift))
    for place in range(50):
        drift = float(place >= 25)
        write(
            folder / "windows" / f"{place:02d}.parquet",
            lambda place=place, drift=drift: table(100_000, 100 + place, drift),
        )
    scores(folder / "scores.npy")
    stream(folder, stream_rows)


def write(file: Path, made: Callable[[], pa.Table]) -> None:
    if not file.exists():
        pq.write_table(made(), file, compression="zstd", row_group_size=GROUP)


def scores(file: Path) -> None:
    if file.exists():
        return
    random = np.random.default_rng(0)
    labels = random.random(1_000_000) < 0.2
    np.save(file, np.stack([labels, 1 / (1 + np.exp(-(random.normal(size=1_000_000) + 1.2 * labels)))]))


def stream(folder: Path, rows: int) -> None:
    """Ten float64 columns in files of five million rows, and the profile of a million rows that they are counted on."""
    from mlmon_dagster import Profile

    wanted = -(-rows // 5_000_000)
    for file in sorted((folder / "stream").glob("*.parquet"))[wanted:]:
        file.unlink()
    for place in range(wanted):
        file = folder / "stream" / f"{place:03d}.parquet"
        if not file.exists():
            made = table(min(rows, 5_000_000), 1000 + place, 0.5).select([f"n{column:02d}" for column in range(10)])
            pq.write_table(made, file, compression="zstd", compression_level=1, row_group_size=500_000)
    reference = pq.read_table(folder / "L_reference.parquet", columns=[f"n{column:02d}" for column in range(10)])
    (folder / "stream.profile").write_bytes(Profile.of(reference).to_bytes())
