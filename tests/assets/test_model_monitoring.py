"""Monitoring over a real registry, store and database: budgets, persistence, seasons, and the page of a window."""

from watched import REFERENCE_DAYS, World

from mlmon_dagster.pipeline.stages import StageKey

BUDGET = {"use": "ks", "columns": "all", "alarm_budget": "1 per quarter"}


def test_a_budget_is_calibrated_at_registration_and_judges_by_it(world: World) -> None:
    budgeted = world.declaring(inputs=BUDGET)
    version = budgeted.register()
    calm, shifted = budgeted.judge(20, version), budgeted.judge(21, version, shift=8.0)
    assert (calm.checks[0].verdict, shifted.checks[0].verdict) == ("ok", "drift")
    assert "which chance alone reaches 1 per quarter" in shifted.checks[0].reason
    thin, thick = (budgeted.judge(22, version, rows=rows).checks[0].table[0]["threshold"] for rows in (40, 400))
    assert thin > 2 * thick


def test_another_budget_keeps_the_model_version_and_needs_a_new_calibration(world: World) -> None:
    version = world.declaring(inputs=BUDGET).register()
    changed = world.declaring(inputs={**BUDGET, "alarm_budget": "2 per year"})
    refused = changed.judge(20, version).checks[0]
    assert (refused.verdict, "run the model_registry stage again" in refused.reason) == ("error", True)
    assert changed.register() == version
    assert changed.judge(20, version).checks[0].verdict == "ok"


def test_one_window_above_is_not_yet_drift_where_persistence_is_declared(world: World) -> None:
    patient = world.declaring(inputs={"use": "ks", "column": "size", "persistence": {"windows": 2, "of": 3}})
    version = patient.register()
    shifts = {40: 0.0, 41: 0.0, 42: 10.0, 43: 0.0, 44: 10.0, 45: 10.0, 46: 0.0, 47: 0.0, 48: 0.0}
    found = {day: patient.judge(day, version, shift=shift).checks[0] for day, shift in shifts.items()}
    assert [check.verdict for check in found.values()] == ["ok", "ok", "ok", "ok", "drift", "drift", "ok", "ok", "ok"]
    assert "this counts as drift in 2 of 3 windows, and 0 before were" in found[42].reason


def test_a_first_window_above_is_not_green_while_those_before_it_are_not_judged(world: World) -> None:
    patient = world.declaring(inputs={"use": "ks", "column": "size", "persistence": {"windows": 2, "of": 3}})
    version = patient.register()
    check = patient.judge(60, version, shift=10.0).checks[0]
    assert (check.verdict, "too few are judged to tell" in check.reason) == ("insufficient", True)


def test_the_verdicts_on_another_version_do_not_count_for_persistence(world: World) -> None:
    patient = world.declaring(inputs={"use": "ks", "column": "size", "persistence": {"windows": 2, "of": 2}})
    first = patient.register()
    patient.judge(70, first, shift=10.0)
    second = patient.register(weekend=1e-6)
    assert second != first
    assert patient.judge(71, second, shift=10.0).checks[0].verdict == "insufficient"
    assert patient.judge(72, second, shift=10.0).checks[0].verdict == "drift"


def test_a_weekend_is_compared_with_weekends(world: World) -> None:
    seasonal = world.declaring(
        plain={"use": "ks", "column": "size", "threshold": 0.25},
        seasonal={"use": "ks", "column": "size", "threshold": 0.25, "season": "day_of_week"},
    )
    version = seasonal.register(weekend=30.0)
    saturday = seasonal.judge(REFERENCE_DAYS + 5, version, weekend=30.0)
    assert {check.name: check.verdict for check in saturday.checks} == {"plain": "drift", "seasonal": "ok"}
    quiet = seasonal.judge(REFERENCE_DAYS + 12, version)
    assert {check.name: check.verdict for check in quiet.checks}["seasonal"] == "drift"


def test_a_place_that_the_reference_never_saw_is_insufficient(world: World) -> None:
    seasonal = world.declaring(inputs={"use": "ks", "column": "size", "season": "month_of_year"})
    check = seasonal.judge(40, seasonal.register()).checks[0]
    assert (check.verdict, "no rows at this month of year" in check.reason) == ("insufficient", True)


def test_the_page_of_a_window_is_an_output_with_its_past(world: World) -> None:
    version = world.register()
    for day in range(180, 184):
        result = world.judge(day, version)
    page = world.ports.outputs.read_page(StageKey("flats", "dev", "model_monitoring"), "2026-07-07")
    assert result.facts["report"].read_text() == page
    assert "Drift of flats, 2026-07-07" in page
    assert page.count("<circle") == 2 * 4


def test_judging_a_window_again_gives_the_same_digest_whatever_came_after(world: World) -> None:
    version = world.register()
    digests = [world.judge(day, version).digest for day in (90, 91, 90)]
    assert digests[0] == digests[2]


def test_a_joint_monitor_may_look_at_the_prediction_beside_inputs(world: World) -> None:
    world = world.declaring(pairs={"use": "correlation_shift", "columns": ["size", "prediction"], "threshold": 0.3})
    result = world.judge(20, world.register(), rows=400)
    assert [check.verdict for check in result.checks] == ["ok"]
    assert result.metrics["correlation_shift.before"] > 0.99
