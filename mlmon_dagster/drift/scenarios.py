"""Self-test of drift detection: records of which it is known beforehand what a server must say of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from mlmon_dagster.drift.zscore import Baseline, record_score
from mlmon_dagster.errors import DataError
from mlmon_dagster.plugins import CONFIG

TOLERANCE = 0.1
"""How far the average drift score may lie from the declared one."""

DISTANCES: Mapping[str, float] = {"baseline": 0.14, "moderate": 1.5, "high": 3.2}
"""Scenario -> how many standard deviations every numeric feature lies from the reference's mean."""

ALONE = 8.0
"""Standard deviations of the one feature that stands out of an otherwise ordinary record."""

Value = float | int | str | bool | None


@dataclass(frozen=True)
class Scenario:
    """Records, and what detection must say of them."""

    __pydantic_config__ = CONFIG

    records: Annotated[tuple[Mapping[str, Value], ...], Field(min_length=1)]
    average: Annotated[float, Field(ge=0, description="mean of the records' drift scores")]
    tolerance: Annotated[float, Field(gt=0, description="how far the mean may lie from it")] = TOLERANCE
    alerts: Annotated[int | None, Field(ge=0, description="how many records are in the band `high`")] = None
    largest: Annotated[tuple[str, ...], Field(description="for each record the feature with the largest score")] = ()

    def __post_init__(self) -> None:
        if self.largest and len(self.largest) != len(self.records):
            raise ValueError(f"`largest` names {len(self.largest)} features for {len(self.records)} records")


@dataclass(frozen=True)
class Outcome:
    """What a server said of one scenario, and how that differs from what it must say."""

    name: str
    average: float
    alerts: int
    records: int
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether detection works here."""
        return not self.faults


def judge_answers(name: str, scenario: Scenario, answers: Sequence[Mapping[str, Any]]) -> Outcome:
    """Compares a server's answers, one for each record, with what the scenario demands.

    An answer without a finite drift score is a fault: no score is not a low score.
    """
    faults = [f"record {place} has no drift score" for place, one in enumerate(answers, 1) if not _scored(one)]
    if faults:
        return Outcome(name, math.nan, 0, len(answers), tuple(faults))
    average = math.fsum(float(one["drift_score"]) for one in answers) / len(answers)
    alerts = sum(one.get("band") == "high" for one in answers)
    if abs(average - scenario.average) > scenario.tolerance:
        faults.append(f"the average score is {average:.3f}, expected {scenario.average:g} ± {scenario.tolerance:g}")
    if scenario.alerts is not None and alerts != scenario.alerts:
        faults.append(f"{alerts} of {len(answers)} records raise an alert, expected {scenario.alerts}")
    for place, (feature, one) in enumerate(zip(scenario.largest, answers, strict=False), 1):
        scores = one.get("drift")
        found = max(scores, key=scores.__getitem__) if isinstance(scores, Mapping) and scores else None
        if found != feature:
            faults.append(f"in record {place} {found or 'nothing'} stands out, expected {feature}")
    return Outcome(name, average, alerts, len(answers), tuple(faults))


def scenarios_of(baseline: Baseline, example: Mapping[str, Value], integers: Sequence[str]) -> dict[str, Scenario]:
    """Scenarios for any model: a calm, a moderate and a wild record, and one for each feature that stands out alone.

    `example` is a whole record that the model takes: its other features stay. Values of `integers` are whole, and what
    must be answered is computed from the very records that are sent. Raises `DataError` where the reference
    has no spread, so that nothing could drift.
    """
    moving = [name for name, std in baseline.stds.items() if std > 0]
    if not moving:
        raise DataError("no numeric feature of the reference has any spread: nothing can be told from it")
    made: dict[str, Scenario] = {}
    for name, distance in DISTANCES.items():
        pair = tuple(_moved(baseline, example, integers, dict.fromkeys(moving, sign * distance)) for sign in (1, -1))
        made[name] = _expected(baseline, pair)
    alone = tuple(_moved(baseline, example, integers, {name: ALONE}) for name in moving)
    made["individual"] = _expected(baseline, alone, tuple(moving))
    return made


def _moved(
    baseline: Baseline, example: Mapping[str, Value], integers: Sequence[str], distances: Mapping[str, float]
) -> dict[str, Value]:
    """The example with every numeric feature at the mean, those of `distances` so many standard deviations off."""
    record = dict(example)
    for name, mean in baseline.means.items():
        value = mean + distances.get(name, 0.0) * baseline.stds[name]
        record[name] = round(value) if name in integers else value
    return record


def _expected(baseline: Baseline, records: tuple[Mapping[str, Value], ...], largest: tuple[str, ...] = ()) -> Scenario:
    scores = [record_score(baseline, record) for record in records]  # type: ignore[arg-type] # numeric features are numbers
    average = math.fsum(score.mean for score in scores) / len(scores)
    return Scenario(records, average, 0.01, sum(score.band == "high" for score in scores), largest)


def _scored(answer: Mapping[str, Any]) -> bool:
    score = answer.get("drift_score")
    return isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
