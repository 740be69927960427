"""Whether drift detection is tested truly: what works passes, and each way of not working is found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster.drift.scenarios import Scenario, judge_answers, scenarios_of
from mlmon_dagster.drift.zscore import Baseline, record_score
from mlmon_dagster.errors import DataError

HOUSES = Baseline({"sqft": 1998.0, "rooms": 3.04}, {"sqft": 496.0, "rooms": 1.44})
EXAMPLE = {"sqft": 1800.0, "rooms": 2, "city": "Ulm"}


def answers(scenario: Scenario, baseline: Baseline = HOUSES) -> list[dict[str, Any]]:
    scores = [record_score(baseline, record) for record in scenario.records]  # type: ignore[arg-type]
    return [{"drift_score": one.mean, "band": one.band, "drift": dict(one.features)} for one in scores]


def test_detection_that_works_passes_every_scenario_of_a_reference() -> None:
    made = scenarios_of(HOUSES, EXAMPLE, ["rooms"])
    assert list(made) == ["baseline", "moderate", "high", "individual"]
    assert all(judge_answers(name, one, answers(one)).passed for name, one in made.items())
    assert made["high"].alerts == len(made["high"].records)
    assert made["individual"].largest == ("sqft", "rooms")
    assert all(isinstance(record["rooms"], int) and record["city"] == "Ulm" for record in made["moderate"].records)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ({"drift_score": 0.0}, "average score is 0.000"),
        ({"drift_score": float("nan")}, "record 1 has no drift score"),
        ({"drift_score": True}, "record 1 has no drift score"),
        ({"band": "normal"}, "0 of 2 records raise an alert, expected 2"),
    ],
)
def test_detection_that_does_not_work_is_found(broken: dict[str, Any], fault: str) -> None:
    high = scenarios_of(HOUSES, EXAMPLE, [])["high"]
    found = judge_answers("high", high, [{**one, **broken} for one in answers(high)])
    assert not found.passed
    assert fault in "; ".join(found.faults)


def test_scores_of_the_wrong_features_are_found() -> None:
    alone = scenarios_of(HOUSES, EXAMPLE, [])["individual"]
    swapped = [
        {**one, "drift": {"sqft": one["drift"]["rooms"], "rooms": one["drift"]["sqft"]}} for one in answers(alone)
    ]
    assert "in record 1 rooms stands out, expected sqft" in judge_answers("x", alone, swapped).faults
    silent = [{**one, "drift": None} for one in answers(alone)]
    assert "in record 2 nothing stands out, expected rooms" in judge_answers("x", alone, silent).faults


def test_a_reference_without_spread_makes_no_scenario() -> None:
    with pytest.raises(DataError, match="no numeric feature of the reference has any spread"):
        scenarios_of(Baseline({"sqft": 1.0}, {"sqft": 0.0}), {"sqft": 1.0}, [])


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(st.floats(-1e6, 1e6), st.one_of(st.just(0.0), st.floats(1e-3, 1e5))),
        min_size=1,
    )
)
def test_scenarios_of_any_reference_with_spread_pass_where_detection_works(
    told: dict[str, tuple[float, float]],
) -> None:
    baseline = Baseline(
        {name: mean for name, (mean, _) in told.items()}, {name: std for name, (_, std) in told.items()}
    )
    if not any(baseline.stds.values()):
        return
    for name, one in scenarios_of(baseline, dict.fromkeys(told, 0.0), []).items():
        assert judge_answers(name, one, answers(one, baseline)).passed
