"""Which references keep every value: those that a monitor compares by another library's numbers."""

import pytest
from staged import pipeline

from mlmon_dagster.assets.model_registry import _needs_every_value


@pytest.mark.parametrize(
    ("monitor", "every"),
    [
        ({"use": "ks", "column": "price"}, False),
        ({"use": "ks", "column": "price", "compatible": "scipy"}, True),
        ({"use": "auto", "columns": "all", "compatible": "evidently"}, True),
    ],
)
def test_another_librarys_numbers_need_every_value(monitor: dict[str, object], every: bool) -> None:
    declared = pipeline(model_monitoring={"monitors": {"own": {"use": "psi", "column": "price"}, "price": monitor}})
    assert _needs_every_value(declared) is every
