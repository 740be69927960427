"""Plug-ins: found, parsed, named and described, built in or installed."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from mlmon_dagster import plugins
from mlmon_dagster.errors import MissingError

INSTALLED = '''
from dataclasses import dataclass

@dataclass(frozen=True)
class Nothing:
    """Judges nothing."""

    metric: str = "rows"
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of a third party, as an installed package offers it."""
    (tmp_path / "third_party_checks.py").write_text(INSTALLED)
    monkeypatch.syspath_prepend(str(tmp_path))
    about = tmp_path / "third_party-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mlmon_dagster.checks]\nnothing = third_party_checks:Nothing\n")
    cached = (plugins._installed, plugins.names, plugins.load, plugins.name_of)
    for function in cached:
        function.cache_clear()
    yield
    sys.modules.pop("third_party_checks", None)
    monkeypatch.undo()
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family in plugins.FAMILIES for name in plugins.names(family)]
)
def test_every_member_is_described_and_knows_its_name(family: str, name: str) -> None:
    plugin = plugins.load(family, name)
    assert plugins.name_of(plugin) == name
    assert (plugin.__doc__ or "").strip()
    assert not (plugin.__doc__ or "").startswith(f"{plugin.__name__}("), "a dataclass without a docstring of its own"
    assert plugins.alternatives(family)[name]["properties"]["use"] == {"const": name}


def test_the_key_names_the_plugin_unless_use_does() -> None:
    named, used = (
        plugins.parse("check", {"metric": "rows", "limit": 1}, "maximum"),
        {"use": "minimum", "metric": "a", "limit": 2},
    )
    assert plugins.name_of(type(named)) == "maximum"
    assert plugins.name_of(type(plugins.parse("check", used, "maximum"))) == "minimum"


def test_a_plugin_without_fields_is_its_name() -> None:
    assert plugins.name_of(type(plugins.parse("channel", "console"))) == "console"


@pytest.mark.parametrize("raw", [{}, {"use": 5}, {"use": ["ks"]}, {"use": "../ks"}, {"use": ""}, 5, None, ["ks"]])
def test_what_names_no_plugin_is_refused(raw: object) -> None:
    with pytest.raises(ValidationError):
        plugins.parse("method", raw)


def test_every_mistake_of_named_plugins_is_told_with_its_place() -> None:
    field = plugins.PluginsField("check")
    with pytest.raises(ValidationError) as caught:
        field.parse({"a": {"use": "maximum"}, "b": {"use": "nope"}, "c d": "present"})
    assert [one["loc"] for one in caught.value.errors()] == [
        ("a", "metric"), ("a", "limit"), ("b", "use"), ("c d", "[key]"),
    ]  # fmt: skip


def test_an_installed_plugin_is_a_member_like_any_other(installed: None) -> None:
    assert "nothing" in plugins.names("check")
    found = plugins.parse("check", {"use": "nothing"})
    assert plugins.name_of(type(found)) == "nothing"
    with pytest.raises(ValidationError):
        plugins.parse("check", {"use": "nothing", "unknown": 1})
    assert "nothing" in plugins.named_json_schema("check")["properties"]


def test_a_class_that_is_no_plugin_has_no_name() -> None:
    with pytest.raises(MissingError, match="is no plug-in"):
        plugins.name_of(Path)


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(MissingError, match="did you mean wasserstein"):
        plugins.load("method", "waserstein")
