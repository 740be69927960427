"""The drift report: what it says, that it opens offline, and that no text of the data becomes markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster.adapters.report.page import Report, Trend, summary, write_report
from mlmon_dagster.adapters.report.plots import trend
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.judging import judge
from mlmon_dagster.drift.monitor import parse_monitor
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import UnavailableError

EVIL = "</td><script>alert('x')</script>&\"'"
VOID = {"meta"}


class Page(HTMLParser):
    """Checks that every tag is closed in order, and keeps what the page says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def report(before: dict[str, object], now: dict[str, object], title: str = "Drift report") -> Report:
    reference = {name: Column.of(name, values) for name, values in before.items()}
    window = {name: Column.of(name, values) for name, values in now.items()}
    judged = judge(Profile.of(reference), window, parse_monitor("inputs", {"use": "auto", "columns": "all"}))
    return Report(title, {"reference": "a.csv", "window": "b.csv"}, reference, window, judged)


@pytest.fixture
def shifted() -> Report:
    random = np.random.default_rng(1)
    before = {"price": random.normal(100, 10, 500), "city": ["Ulm", "Bonn"] * 250, "sold": random.random(500) < 0.5}
    now = {"price": random.normal(130, 10, 200), "city": ["Ulm", "Bonn"] * 100, "sold": random.random(200) < 0.5}
    return report(before, now)


def test_the_worst_column_comes_first_and_is_told_in_words(shifted: Report) -> None:
    page = Page(shifted.html)
    headings = [attrs["id"] for tag, attrs in page.tags if tag == "article"]
    assert (headings, "Drift in 1 of 3 columns: price" in page.text) == (["c0", "c1", "c2"], True)
    assert page.text.index("price has drifted: ks") < page.text.index("city: jensen_shannon")
    assert re.search(r"the median went from (99|100|101)\S* to (129|130|131)", page.text)


def test_nothing_is_loaded_from_anywhere_and_nothing_can_run(shifted: Report) -> None:
    page = Page(shifted.html)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in page.tags)
    assert not any(name == "src" or name.startswith("on") for _, attrs in page.tags for name in attrs)
    policies = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert [policy.split(";")[0] for policy in policies] == ["default-src 'none'"]
    assert "url(" not in shifted.html
    assert "@import" not in shifted.html


def test_who_cannot_see_the_plots_has_their_words_and_numbers(shifted: Report) -> None:
    page = Page(shifted.html)
    drawings = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert drawings
    assert all(one["role"] == "img" and one["aria-label"] for one in drawings)
    assert "The plot as numbers" in page.text
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert "prefers-color-scheme: dark" in shifted.html


def test_no_text_of_the_data_becomes_markup() -> None:
    page = Page(report({EVIL: ["a", EVIL] * 30}, {EVIL: ["a", "<b>"] * 30}, title=EVIL).html)
    assert not {tag for tag, _ in page.tags} & {"script", "b"}
    assert EVIL in page.text


def test_the_same_content_is_the_same_page(shifted: Report) -> None:
    assert shifted.html == shifted.html


VALUES = st.one_of(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=40),
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=40),
    st.lists(st.text(max_size=5), min_size=1, max_size=40),
    st.lists(st.booleans(), min_size=1, max_size=40),
    st.lists(st.none(), min_size=1, max_size=40),
)


@given(VALUES, VALUES)
@settings(max_examples=60, deadline=None)
def test_whatever_the_columns_hold_there_is_a_whole_page(before: list[object], now: list[object]) -> None:
    page = Page(report({"x": before}, {"x": now}).html)
    assert "Column by column" in page.text
    assert "nan" not in re.findall(r'(?:x|y|width|height|points)="[^"]*(nan|inf)', page.text)


def test_a_column_that_is_not_there_is_told_without_a_plot() -> None:
    page = Page(report({"price": [1.0] * 40}, {"cost": [1.0] * 40}).html)
    assert "the window has no column 'price'" in page.text
    assert not [tag for tag, _ in page.tags if tag == "svg"]


def test_a_trend_shows_every_window_and_leaves_gaps_open(shifted: Report) -> None:
    drawn = Page(trend("price, ks", ("a", "b", "c", "d"), (0.1, None, 0.3, 0.1), (0.2, 0.2, 0.2, 0.2)))
    circles = [attrs["class"] for tag, attrs in drawn.tags if tag == "circle"]
    assert circles == ["window", "window over", "window"]
    assert [tag for tag, _ in drawn.tags].count("polyline") == 3
    past = {("inputs", "drift.price.ks"): Trend(("a", "b"), (0.1, 0.9), (0.15, 0.15))}
    page = Page(Report("t", {}, shifted.reference, shifted.window, shifted.judged, past).html)
    assert "inputs: ks over windows" in page.text


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report("<p>", tmp_path / "report.html")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UnavailableError, match="the report cannot be written"):
        write_report("<p>", tmp_path / "no" / "report.html")


def test_nothing_judged_is_never_told_as_no_drift() -> None:
    assert summary([]) == "nothing was judged"
