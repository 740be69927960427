"""Real tables without drift, windows of them, and the shifts that are put in."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
HOUSES = HERE.parent / "pipelines/house_prices/data/king_county_house_sales.csv.gz"
"""The table that a clone holds."""

Table = dict[str, Any]
Shift = Callable[[Table, "Dataset", np.random.Generator], None]


@dataclass(frozen=True)
class Source:
    """A file, the columns that are keys or moments and left out, and those that are codes and no sizes."""

    file: str
    without: tuple[str, ...]
    codes: tuple[str, ...]


SOURCES = {
    "houses": Source("king_county_house_sales.csv.gz", ("id", "date"), ("zipcode", "waterfront", "view", "condition")),
    "bikes": Source(
        "bike_sharing_hour.csv.gz", ("instant", "dteday"),
        ("season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit"),
    ),
    "electricity": Source("elec2.csv.gz", ("date",), ("day", "class")),
    "wine": Source("wine_quality_white.csv.gz", (), ()),
}  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """A table cut in two at random: a reference, and rows that windows are drawn from. Nothing drifts between them."""

    name: str
    reference: Mapping[str, Any]
    rest: Mapping[str, Any]
    numbers: tuple[str, ...]
    """Columns with an order; those with more than twenty values are shifted."""
    codes: tuple[str, ...]

    def window(self, rows: int, random: np.random.Generator) -> Table:
        chosen = random.choice(len(self.rest[self.numbers[0]]), rows, replace=False)
        return {name: values[chosen] for name, values in self.rest.items()}


def tables(folder: Path | None) -> dict[str, Mapping[str, Any]]:
    """Every table of the folder, or the one that a clone holds; ends the program where there is none."""
    import pandas as pd

    files = {name: (folder / source.file if folder else HOUSES) for name, source in SOURCES.items()}
    found = {name: file for name, file in files.items() if file.is_file() and (folder or name == "houses")}
    if not found:
        expected = ", ".join(source.file for source in SOURCES.values())
        sys.exit(f"there is no dataset in {folder or HOUSES.parent}; expected any of {expected}")
    read = {}
    for name, file in found.items():
        frame = pd.read_csv(file, dtype=dict.fromkeys(SOURCES[name].codes, str))
        read[name] = {
            str(one): frame[one].to_numpy(object if one in SOURCES[name].codes else float)
            for one in frame
            if one not in SOURCES[name].without
        }
    return read


def cut(name: str, table: Mapping[str, Any], seed: int) -> Dataset:
    """The table in two halves, at random."""
    codes = SOURCES[name].codes
    numbers = tuple(one for one in table if one not in codes)
    order = np.random.default_rng([seed, 1]).permutation(len(table[numbers[0]]))
    half = len(order) // 2
    sides = [{one: values[part] for one, values in table.items()} for part in (order[:half], order[half:])]
    return Dataset(name, *sides, numbers, codes)


def _number(data: Dataset, random: np.random.Generator) -> str:
    """A column of numbers with more than twenty values."""
    return str(random.choice([one for one in data.numbers if len(np.unique(data.reference[one])) > 20]))


def mean(by: float) -> Shift:
    """A column moves by so many standard deviations."""

    def shift(window: Table, data: Dataset, random: np.random.Generator) -> None:
        name = _number(data, random)
        window[name] = window[name] + by * np.std(data.reference[name])

    return shift


def scale(by: float) -> Shift:
    """A column spreads by so much around its median."""

    def shift(window: Table, data: Dataset, random: np.random.Generator) -> None:
        name = _number(data, random)
        middle = np.median(data.reference[name])
        window[name] = middle + (window[name] - middle) * by

    return shift


def tail(by: float) -> Shift:
    """Values above a column's 95% quantile lie so many times further beyond it."""

    def shift(window: Table, data: Dataset, random: np.random.Generator) -> None:
        name = _number(data, random)
        edge = np.quantile(data.reference[name], 0.95)
        window[name] = np.where(window[name] > edge, edge + (window[name] - edge) * by, window[name])

    return shift


def missing(share: float) -> Shift:
    """A column loses so many of its values."""

    def shift(window: Table, data: Dataset, random: np.random.Generator) -> None:
        name = str(random.choice(list(window)))
        lost = random.random(len(window[name])) < share
        window[name] = np.where(lost, None if name in data.codes else np.nan, window[name])

    return shift


def category(share: float) -> Shift:
    """So many rows change to one category of a column, which one is left to chance."""

    def shift(window: Table, data: Dataset, random: np.random.Generator) -> None:
        name = str(random.choice(list(data.codes)))
        into = random.choice(np.unique(data.reference[name].astype(str)))
        window[name] = np.where(random.random(len(window[name])) < share, into, window[name])

    return shift


def correlation(share: float) -> Shift:
    """So many rows exchange their values of a column among themselves: every column by itself is as it was."""

    def shift(window: Table, data: Dataset, random: np.random.Generator) -> None:
        name = _number(data, random)
        chosen = np.flatnonzero(random.random(len(window[name])) < share)
        values = window[name].copy()
        values[chosen] = values[random.permutation(chosen)]
        window[name] = values

    return shift


SHIFTS: dict[str, tuple[Callable[[float], Shift], tuple[float, float]]] = {
    "mean": (mean, (0.1, 0.2)),
    "scale": (scale, (1.15, 1.3)),
    "tail": (tail, (1.5, 2.5)),
    "missing": (missing, (0.005, 0.02)),
    "category": (category, (0.03, 0.06)),
    "correlation": (correlation, (0.5, 1.0)),
}
"""Shift -> how it is made, and how strong: one that is hard to see, and one that is not."""
