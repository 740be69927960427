"""The routes of an environment: whatever is done with them, one version is live and all traffic goes somewhere."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster.adapters.targets._routes import Route, Routes, read_routes, read_tripped, write_routes, write_tripped
from mlmon_dagster.errors import DataError
from mlmon_dagster.ports import Guard

NAMES = ("a", "b", "c")


def route(name: str) -> Route:
    return Route(name, name, 1, name * 8)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("shift"), st.sampled_from(NAMES), st.sampled_from([0, 1, 10, 50, 100])),
        st.tuples(st.just("shadow"), st.sampled_from(NAMES), st.none()),
        st.tuples(st.just("switch"), st.sampled_from(NAMES), st.booleans()),
        st.tuples(st.just("stop"), st.sampled_from(NAMES), st.none()),
    ),
    max_size=12,
)


@given(steps)
def test_any_order_of_steps_leaves_one_version_live_and_all_traffic_routed(told: list[tuple[str, str, object]]) -> None:
    routes = Routes(1)
    for what, name, value in told:
        routes = routes.without(name) if what == "stop" else routes.started(route(name))
        if what == "shift":
            routes = routes.shifted(name, float(value))  # type: ignore[arg-type]
        elif what == "shadow" and routes.live is not None:
            routes = routes.shadowed(name)
        elif what == "switch":
            routes = routes.switched(name, keep=bool(value))
            assert routes.live is not None
            assert (routes.live.deployment, routes.live.share) == (name, 100)
            assert len(routes.routes) <= 2
        names = [one.deployment for one in routes.routes]
        assert len(names) == len(set(names))
        shares = [one.share for one in routes.routes]
        assert not any(shares) or sum(shares) == pytest.approx(100)
        if routes.live and routes.route(routes.live.deployment) and what in ("stop", "switch"):
            assert any(shares)
        assert sum(one.shadows for one in routes.routes) <= 1


def test_a_candidate_gets_everything_where_nothing_is_live() -> None:
    assert Routes(1).started(route("a")).shifted("a", 10).routes[0].share == 100


def test_the_traffic_of_a_version_that_leaves_goes_back_to_the_live_one() -> None:
    live = Routes(1).started(route("a")).switched("a", keep=True)
    shifted = live.started(route("b")).shifted("b", 30)
    assert [(one.deployment, one.share) for one in shifted.routes] == [("a", 70), ("b", 30)]
    assert shifted.without("b") == live


def test_the_version_before_stands_by_and_is_found_by_its_digest() -> None:
    routes = Routes(1).started(route("a")).switched("a", keep=True).started(route("b")).switched("b", keep=True)
    found = routes.standing_by("a" * 8)
    assert found is not None
    assert found.deployment == "a"
    assert routes.standing_by("b" * 8) is None
    assert routes.switched("b", keep=False).standing_by("a" * 8) is None


def test_routes_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_routes(tmp_path) is None
    routes = Routes(7, route("a"), (route("a"), route("b")), Guard(0.02, 7), "x-key")
    write_routes(tmp_path, routes)
    assert read_routes(tmp_path) == routes
    write_tripped(tmp_path, "b", "it failed")
    assert read_tripped(tmp_path, NAMES) == {"b": "it failed"}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"port": 1, "live": {"x": 1}, "routes": []}'])
def test_a_broken_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "routes.json").write_text(text)
    with pytest.raises(DataError, match=r"routes\.json cannot be read"):
        read_routes(tmp_path)
