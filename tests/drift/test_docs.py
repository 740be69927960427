"""docs/drift.md tells of every method what the code says of it."""

import importlib.util
import re
from pathlib import Path

import pytest

from mlmon_dagster import plugins
from mlmon_dagster.drift.monitor import SEVERITY

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "drift.md").read_text()
ROWS = {
    cells[0].strip("` "): [cell.strip() for cell in cells]
    for cells in (line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `"))
}


@pytest.mark.parametrize("name", plugins.names("method"))
def test_the_page_has_the_unit_columns_and_threshold_of_every_method(name):
    method = plugins.load("method", name)
    kinds = "all" if len(method.kinds) == 4 else ", ".join(method.kinds)

    assert ROWS[name][2].removesuffix(", base 2") == method.unit.removesuffix(", base 2")
    assert ROWS[name][3:5] == [kinds, f"{method.default_threshold:g}"]


def test_the_page_tells_the_verdicts_in_the_order_of_their_severity():
    order = ", ".join(f"`{verdict}`" for verdict in SEVERITY)

    assert f"in the order {order};" in PAGE
    assert all(verdict in ROWS for verdict in SEVERITY)


def test_the_page_has_the_columns_of_the_answer_for_programs():
    keys = re.findall(r'"(\w+)":', PAGE.split("```json")[1].split("```")[0])

    side = ["path", "rows", "digest", "engine"]
    assert keys[:10] == ["reference", *side, "window", *side]
    assert keys[10:] == [
        "columns", "column", "segment", "method", "value", "p_value", "threshold", "verdict", "reason",
        "unit", "certainty", "effect", "effective_rows", "version", "drifted", "verdict",
    ]  # fmt: skip


def test_the_page_of_methods_has_the_words_of_the_code():
    spec = importlib.util.spec_from_file_location("methods_page", DOCS / "methods.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.PAGE.read_text() == module.page(), "run: python docs/methods.py"


@pytest.mark.parametrize("name", [name for name in plugins.names("method") if name != "auto"])
def test_every_method_says_when_to_use_it_where_it_comes_from_and_shows_itself(name):
    told = plugins.load("method", name).__doc__

    assert "Source: " in told
    assert "Use it " in told or "use `" in told
    assert ">>> " in told
