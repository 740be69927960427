"""How a window is judged: ours by its declaration, the peers by their rules; each gives a score beside the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from alarms_data import Dataset, Table

from mlmon_dagster import plugins
from mlmon_dagster.drift.calibration import Calibration, calibrate
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.compatible import evidently
from mlmon_dagster.drift.monitor import Monitor, parse_monitor
from mlmon_dagster.drift.multivariate.calibration import calibrate_joint
from mlmon_dagster.drift.multivariate.joint import Learned
from mlmon_dagster.drift.profile import Profile

PEERS = ("Evidently, any column", "Evidently, half of them", "KS and chi², p < 0.05", "PSI 0.1", "PSI 0.2")

Columns = Mapping[str, Column]


@dataclass(frozen=True)
class Ours:
    """`use: broad` on all columns with an alarm budget, and beside it `correlation_shift`."""

    monitor: Monitor
    profile: Profile
    calibration: Calibration
    joint: Any = None
    learned: Learned | None = None
    joint_threshold: float = 0.0

    @classmethod
    def of(cls, data: Dataset, rows: int, rate: float, budget: str, *, joint: bool = False) -> "Ours":
        profile = Profile.of({name: _column(data, name, values) for name, values in data.reference.items()})
        monitor = parse_monitor("inputs", {"use": "broad", "columns": "all", "alarm_budget": budget})
        made = cls(monitor, profile, calibrate(profile, monitor, rate, rows))
        if not joint:
            return made
        together = parse_monitor("together", {"use": "correlation_shift", "columns": "all", "alarm_budget": budget})
        calibration = calibrate_joint(together, dict(data.reference), rate, rows)
        learned = together.method.learn(dict(data.reference))
        threshold = calibration.columns["joint"].at(profile.rows, rows)
        return cls(monitor, profile, made.calibration, together.method, learned, threshold)

    def score(self, columns: Columns, window: Table | None = None) -> float:
        """The largest distance as a multiple of its calibrated threshold: above 1 it alarms."""
        found = [0.0]
        for name, reference in self.profile.columns.items():
            for method in self.monitor.methods(reference):
                current = columns[name]
                value = method.measure(reference, current).value
                limit = self.calibration.columns[self.monitor.series(name, method)].at(reference.rows, current.rows)
                found.append(value / limit if limit > 0 else float(value > 0) * 10)
        if self.learned is not None and window is not None:
            found.append(self.joint.measure(self.learned, window).value / self.joint_threshold)
        return max(found)


@dataclass(frozen=True)
class Peers:
    """The peers on one reference."""

    data: Dataset
    reference: Columns

    def columns(self, window: Table) -> dict[str, Column]:
        return {name: _column(self.data, name, values) for name, values in window.items()}

    def judged(self, columns: Columns) -> dict[str, tuple[bool, float]]:
        """Rule -> whether it alarms by its own threshold, and its score."""
        distances = self.evidently(columns)
        drifted = sum(distance >= 0.1 for distance in distances.values())
        share = drifted / len(distances)
        p_values, psis = [], []
        for name, reference in self.reference.items():
            current = columns[name]
            test = plugins.parse("method", "ks" if reference.ordered else "chi_square")
            p_values.append(float(test.measure(reference, current).p_value))
            psis.append(_psi(reference, current))
        smallest, psi = min(p_values), max(psis)
        middle = float(np.sort(list(distances.values()))[len(distances) // 2])
        return {
            PEERS[0]: (drifted > 0, max(distances.values())),
            PEERS[1]: (share >= 0.5, middle),
            PEERS[2]: (smallest < 0.05, -np.log10(max(smallest, 1e-300))),
            PEERS[3]: (psi > 0.1, psi),
            PEERS[4]: (psi > 0.2, psi),
        }

    def evidently(self, columns: Columns) -> dict[str, float]:
        """The default preset's distances: the reference has more than 1,000 rows."""
        found = {}
        for name, reference in self.reference.items():
            chosen = evidently.chosen(reference, columns[name])
            found[name] = evidently.STATISTICS[chosen].measure(reference, columns[name]).value
        return found


def peers_of(data: Dataset) -> Peers:
    """The peers with this dataset's reference."""
    return Peers(data, {name: _column(data, name, values) for name, values in data.reference.items()})


def evidently_difference(data: Dataset, window: Table, columns: Columns, peers: Peers) -> float:
    """The largest difference of our `compatible: evidently` from the installed Evidently's own numbers."""
    import pandas as pd
    from evidently import DataDefinition, Report
    from evidently import Dataset as Frame
    from evidently.presets import DataDriftPreset

    about = DataDefinition(numerical_columns=list(data.numbers), categorical_columns=list(data.codes))
    frames = [Frame.from_pandas(pd.DataFrame(dict(side)), about) for side in (window, data.reference)]
    told = Report([DataDriftPreset()]).run(*frames).dict()
    theirs = {
        one["config"]["column"]: float(one["value"]) for one in told["metrics"] if "column" in one.get("config", {})
    }
    ours = peers.evidently(columns)
    return max(abs(theirs[name] - ours[name]) for name in ours)


def _column(data: Dataset, name: str, values: Any) -> Column:
    return Column.of(name, values, "categorical" if name in data.codes else "numeric")


def _psi(reference: Column, window: Column) -> float:
    """Deciles of the reference, or its categories; empty bins count 0.0001, as is usual."""
    if reference.ordered:
        edges = np.unique(np.quantile(np.repeat(reference.values, reference.counts), np.arange(1, 10) / 10))
        sides = [np.diff(np.concatenate([[0], one.at_most(edges), [one.present]])) for one in (reference, window)]
    else:
        names = np.union1d(reference.values.astype(str), window.values.astype(str)).tolist()
        known = [dict(zip(one.values.tolist(), one.counts.tolist(), strict=True)) for one in (reference, window)]
        sides = [np.array([one.get(name, 0) for name in names]) for one in known]
    p, q = (np.maximum(side / max(side.sum(), 1), 1e-4) for side in sides)
    return float(np.sum((q - p) * np.log(q / p)))
