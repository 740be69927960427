"""docs/performance.md tells of every metric what the code says of it."""

from pathlib import Path

import pytest

from mlmon_dagster.drift.performance import PERFORMANCE

PAGE = (Path(__file__).parents[3] / "docs" / "performance.md").read_text()
METRICS = PAGE.split("## Metrics")[1]
ROWS = {
    cells[0].strip("` "): cells[1:4]
    for cells in (line.strip("| ").split(" | ") for line in METRICS.splitlines() if line.startswith("| `"))
}


@pytest.mark.parametrize("name", PERFORMANCE)
def test_the_page_has_the_task_input_and_direction_of_every_metric(name):
    metric = PERFORMANCE[name]

    assert ROWS[name] == [metric.task, metric.takes, metric.better]
    assert metric.measure.__doc__


def test_the_page_has_no_metric_that_is_not_there():
    assert set(ROWS) == set(PERFORMANCE)
