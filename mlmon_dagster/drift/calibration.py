"""Thresholds that keep an alarm budget: found by drawing windows without drift from the reference itself."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from mlmon_dagster.drift.chance import Population, apart, distances, reached, seeded
from mlmon_dagster.drift.column import Array, Column
from mlmon_dagster.drift.luck import allowance, too_heavy
from mlmon_dagster.drift.monitor import Monitor, method_name, placed
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import DataError

VERSION = 4
"""Rises when the same reference would give other thresholds."""

DRAWS, MOST_DRAWS, SCALING_DRAWS = 1200, 2000, 200
"""Random windows of the usual size, at least and at most (of thinner ones a third), and those of a thicker one."""

AIM = 0.75
"""Share of the budget that thresholds aim at: they are estimates, and the budget is to hold all the same."""

OWN_WINDOWS, MOST_OWN_WINDOWS = 8, 60
"""Windows of the reference itself that it takes to see how much they vary, and how many are looked at."""

BODY, TYPICAL = 0.1, 0.75
"""Chance at which sizes are compared; quantile at which the reference's own windows are held against random ones."""

MOST_ROWS = 50_000
"""Rows of the largest random windows; beyond, thresholds follow a power of the size."""

STEEPEST = -0.5
"""Power with which thresholds fall at most beyond the largest windows that were drawn, whatever two estimates say."""


Own = tuple[Column, Column]
"""A column of the reference, and the part of it that one window was."""


@dataclass(frozen=True)
class Part:
    """Rows of the reference that thresholds are found for: all of them, or those of a segment."""

    profile: Profile
    usual_rows: int
    own: Sequence[tuple[Profile, Mapping[str, Column]]] = ()
    """Windows of the reference as they were, each with the reference that it belongs to (the season's)."""


@dataclass(frozen=True)
class Curve:
    """The threshold of one column by how much a window says: `sizes` are n m / (n + m) for n against m rows."""

    sizes: tuple[float, ...]
    thresholds: tuple[float, ...]
    variation: float = 1.0
    """How much further than random ones the reference's own windows lie from the rest of it, at least 1."""
    level: float = 0.0
    """Probability with which it is to be exceeded whatever the luck of the one reference; 0 allows nothing for that."""

    def at(self, reference_rows: int, window_rows: int) -> float:
        """The threshold for so many rows: between the sizes as smooth as they are, beyond them a power of the size."""
        size = np.log(max(reference_rows * window_rows / max(reference_rows + window_rows, 1), 1e-9))
        known, found = np.log(self.sizes), np.log(np.maximum(self.thresholds, 1e-300))
        if len(known) > 1 and not known[0] <= size <= known[-1]:
            first = 0 if size < known[0] else len(known) - 2
            slope = min((found[first + 1] - found[first]) / (known[first + 1] - known[first]), 0.0)
            slope, near = (slope, 0) if size < known[0] else (max(slope, STEEPEST), -1)
            value = float(np.exp(found[near] + slope * (size - known[near])))
        else:
            value = float(np.exp(self._between(size))) if len(known) > 1 else float(self.thresholds[0])
        return value * self.variation * allowance(self.level, reference_rows, window_rows)

    @cached_property
    def _between(self) -> "Callable[[float], Any]":
        """Monotone cubics through the logarithms: chords would lie below where a distance's chance bends."""
        from scipy.interpolate import PchipInterpolator

        interpolated: Callable[[float], Any] = PchipInterpolator(
            np.log(self.sizes), np.log(np.maximum(self.thresholds, 1e-300))
        )
        return interpolated


@dataclass(frozen=True)
class Calibration:
    """The thresholds of one monitor that keep its alarm budget."""

    declaration: str
    """Digest of the monitor it was made for: another monitor needs another calibration."""
    rate: float
    """Share of windows that may alarm without drift."""
    level: float
    """Probability with which one column of one window may be above its threshold."""
    columns: Mapping[str, Curve]
    """By column, of a segment or of all rows, or `column.method` where a monitor has several (`Monitor.series`)."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """By the same, why the reference tells nothing of this method's chance."""

    def to_bytes(self) -> bytes:
        """As JSON: the same bytes for the same calibration."""
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Calibration":
        """What `to_bytes` made; `DataError` for anything else."""
        try:
            body = json.loads(content)
            if body.pop("version") != VERSION:
                raise ValueError("it has another version")
            curves = {
                name: Curve(tuple(one["sizes"]), tuple(one["thresholds"]), one["variation"], one["level"])
                for name, one in body.pop("columns").items()
            }
            return cls(**body, columns=curves)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"this is not a calibration: {error}", hint="run the model_registry stage again") from error


def declaration_digest(monitor: Monitor, rate: float) -> str:
    """Of everything that thresholds depend on beside the reference."""
    about: dict[str, Any] = {
        "version": VERSION,
        "method": method_name(monitor.method),
        "parameters": asdict(monitor.method),
        "columns": monitor.columns,
        "minimum_rows": monitor.minimum_rows,
        "persistence": asdict(monitor.persistence) if monitor.persistence else None,
        "rate": f"{rate:.9g}",
    }
    if monitor.segments:
        about["segments"] = monitor.segments
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()


def calibrate(
    profile: Profile,
    monitor: Monitor,
    rate: float,
    usual_rows: int,
    own: Sequence[tuple[Profile, Mapping[str, Column]]] = (),
    segments: Mapping[str, Part] = MappingProxyType({}),
) -> Calibration:
    """Thresholds with which a share `rate` of windows without drift alarm, for windows of `usual_rows` and others.

    Windows are drawn at random from the reference and measured against the rest of it: nothing has drifted between
    them. All columns share the budget (Bonferroni: it holds however they depend on each other), and persistence counts
    for what it holds back. `own` are windows of the reference as they were, each with the reference that it belongs to
    (the season's): where they lie further from the rest of it than random ones do (weekends, campaigns, clustered
    rows), thresholds rise by as much, if there are at least eight of them. Columns of `segments` with rows enough to be
    judged have a share of the budget too, and thresholds of their own. Methods that single far values move
    (`unbounded`) are refused on columns whose tails are so heavy that the reference does not tell of them.
    The same reference and monitor give the same thresholds.
    """
    parts: list[tuple[str | None, Part]] = [(None, Part(profile, usual_rows, own)), *segments.items()]
    judged = [
        (segment, part, name)
        for segment, part in parts
        for name in monitor.names(profile)
        if _present(part.profile, name) >= (1 if segment is None else monitor.minimum_rows)
    ]
    share = rate / max(len(judged), 1)
    level = monitor.persistence.level(share) if monitor.persistence else share
    curves: dict[str, Curve] = {}
    refused: dict[str, str] = {}
    for segment, part, name in judged:
        reference = part.profile.columns[name]
        methods = [one for one in monitor.methods(profile.columns[name]) if reference.kind in one.kinds]
        for method in [one for one in methods if getattr(one, "unbounded", False)]:
            if reason := too_heavy(reference, method_name(method)):
                refused[monitor.series(name, method, segment)] = reason
        methods = [one for one in methods if monitor.series(name, one, segment) not in refused]
        windows = [(whole.columns[name], one[name]) for whole, one in part.own if name in one and name in whole.columns]
        rows = (monitor.minimum_rows, part.usual_rows)
        made = _curves(methods, reference, level, rows, windows, segment)
        curves |= {monitor.series(name, method, segment): curve for method, curve in zip(methods, made, strict=True)}
    return Calibration(declaration_digest(monitor, rate), rate, level, curves, refused)


def _present(profile: Profile, name: str) -> int:
    return profile.columns[name].present if name in profile.columns else 0


def _curves(
    methods: Sequence[Any],
    reference: Column,
    level: float,
    rows: tuple[int, int],
    own: Sequence[Own],
    segment: str | None = None,
) -> list[Curve]:
    """One curve for each method, from the same random windows; `rows` are the fewest that are judged, and the usual.

    The methods of a column share its level by how many independent ones they amount to.
    """
    if not methods:
        return []
    population = Population.of(reference).with_strangers()
    random = seeded(*map(method_name, methods), placed(reference.name, segment))
    most = max(population.size // 2, 1)
    usual = int(np.clip(rows[1], 1, most))
    draws = int(np.clip(3 * len(methods) / (level * AIM), DRAWS, MOST_DRAWS))
    drawn = {usual: distances(methods, population, usual, draws, random)}
    level = level * AIM / apart(drawn[usual])
    for size in _sizes(rows[0], usual, most):
        drawn[size] = distances(methods, population, size, draws // 3 if size < usual else SCALING_DRAWS, random)
    by_method = [{size: np.sort(found[place]) for size, found in drawn.items()} for place in range(len(methods))]
    return [
        _curve(method, found, usual, level, population.size, own)
        for method, found in zip(methods, by_method, strict=True)
    ]


def _curve(
    method: Any, drawn: Mapping[int, Array], usual: int, level: float, population: int, own: Sequence[Own]
) -> Curve:
    """Thresholds by size; those of thicker windows follow the usual one as the body of their distances does."""
    threshold, body = reached(drawn[usual], level), reached(drawn[usual], BODY)
    sizes = sorted(drawn)
    thresholds = []
    for rows in sizes:
        scaled = threshold * reached(drawn[rows], BODY) / body if body > 0 and rows > usual else 0.0
        thresholds.append(scaled or reached(drawn[rows], level))
    curve = Curve(tuple(rows * (population - rows) / population for rows in sizes), tuple(thresholds), level=level)
    typical = float(np.quantile(drawn[usual], TYPICAL)) / (curve.at(population - usual, usual) or np.inf)
    return replace(curve, variation=_variation(method, own, curve, typical))


def _sizes(least: int, usual: int, most: int) -> list[int]:
    """Other sizes than the usual one, from what is judged at all to a multiple of the usual.

    Thinner windows twice apart: their distances have other tails (empty bins, few distinct values), which only draws
    of about that size tell.
    """
    thinner = [round(usual / 2.0**step) for step in range(1, 30)]
    inside = {rows for rows in [*thinner, usual * 4, usual * 16] if least < rows < most and rows <= MOST_ROWS}
    return sorted((inside | ({least} if least < most else set())) - {usual})


def _variation(method: Any, own: Sequence[Own], drawn: Curve, typical: float) -> float:
    """How much further from the rest the reference's own windows lie than random ones of their size."""
    ratios = []
    wholes: dict[int, Population] = {}
    for whole, window in own[:: max(1, len(own) // MOST_OWN_WINDOWS)]:
        if id(whole) not in wholes:
            wholes[id(whole)] = Population.of(whole)
        population = wholes[id(whole)]
        rows = population.counted(window) if window.present and window.kind == population.column.kind else None
        if rows is None or rows.sum() > population.size // 2:
            continue
        rest, part = population.parted(rows)
        usual = drawn.at(rest.rows, part.rows) * typical
        if rest.present and usual > 0:
            ratios.append(method.measure(rest, part).value / usual)
    return max(1.0, float(np.quantile(ratios, TYPICAL))) if len(ratios) >= OWN_WINDOWS else 1.0
