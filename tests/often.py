"""Tests against brute force and scipy run 500 cases in `make test`, and 10,000 in `make test-long`."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings


def often(test: Callable[..., None]) -> Callable[..., None]:
    """Above `@given`, in place of `@settings`."""
    quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]

    @pytest.mark.parametrize("cases", [500, pytest.param(10_000, marks=pytest.mark.slow)])
    def runs(cases: int) -> None:
        vars(test).pop("_hypothesis_internal_settings_applied", None)  # both numbers of cases in one process
        settings(max_examples=cases, deadline=None, suppress_health_check=quiet, database=None)(test)()

    runs.__name__, runs.__doc__ = test.__name__, test.__doc__
    return runs
