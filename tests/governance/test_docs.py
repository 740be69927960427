"""The documentation of governance names what there is."""

from pathlib import Path

import pytest

from mlmon_dagster.governance.projections import ACTIONS
from mlmon_dagster.governance.roles import PERMITTED, ROLES

TEXT = (Path(__file__).parents[2] / "docs" / "governance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_documented(action: str) -> None:
    assert f"| `{action}` |" in TEXT


@pytest.mark.parametrize("permission", PERMITTED)
def test_the_documented_table_of_roles_is_the_one_in_force(permission: str) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{permission}`"))
    marks = [cell.strip() == "yes" for cell in row.strip("|").split("|")[1:]]
    assert marks == [role in PERMITTED[permission] for role in (*ROLES, "machine")]
