"""The catalogue of bad pipeline files and bad times, row by row: the exact code, and the same whole file otherwise."""

from collections.abc import Callable

import pytest
from declared_text import TEXT, changed

from mlmon_dagster.errors import InputError, InvalidPipelineError
from mlmon_dagster.pipeline.parse import parse_pipeline
from mlmon_dagster.pipeline.times import five_fields
from mlmon_dagster.pipeline.windows import Windows, day

OWNER, MATURITY = "owner: team:pricing", "maturity: 14d"
DEEP = "owner: " + "[" * 2000

REFUSED: dict[str, tuple[bytes | str, str]] = {
    "Y01 empty": ("", "EMPTY"),
    "Y02 only comments": ("# nothing\n", "EMPTY"),
    "Y03 a list": (f"- {OWNER}\n", "TYPE"),
    "Y05 two documents": (f"{TEXT}---\n{TEXT}", "MULTIDOC"),
    "Y06 an environment twice": (changed("    dev:     {", "    dev: {target: local}\n    dev:     {"), "DUPKEY"),
    "Y06 approvals twice": (changed("approvals: 2", "approvals: 2, approvals: 0"), "DUPKEY"),
    "Y07 merge key": (changed(OWNER, "<<: {owner: team:x}"), "MERGE"),
    "Y09 anchor of itself": (changed(OWNER, "owner: &a [*a]"), "ALIAS"),
    "Y10 2,000 deep": (changed(OWNER, DEEP), "DEPTH"),
    "Y11 large": (TEXT + "#" * 262_145, "SIZE"),
    "Y14 UTF-16": (TEXT.encode("utf-16"), "ENCODING"),
    "Y15 Latin-1": (changed(OWNER, f"{OWNER} # é").encode("latin-1"), "ENCODING"),
    "Y17 escape sequence": (changed(OWNER, "owner: team:\x1b[31mx"), "CHAR"),
    "Y18 python object": (changed(OWNER, "owner: !!python/object/apply:os.system [ls]"), "TAG"),
    "Y19 unknown tag": (changed(OWNER, "owner: !Ref x"), "TAG"),
    "Y22 approvals: yes": (changed("approvals: 2", "approvals: yes"), "TYPE"),
    "Y25 leading zero": (changed("limit: 100", "limit: 010"), "AMBIGUOUS"),
    "Y26 .nan": (changed("threshold: 0.1", "threshold: .nan"), "RANGE"),
    "Y27 .inf": (changed("threshold: 0.1", "threshold: .inf"), "RANGE"),
    "Y29 5,000 digits": (changed("limit: 100", f"limit: {'9' * 5000}"), "RANGE"),
    "Y30 keys of numbers and truth": (changed(OWNER, "1: a\ntrue: b"), "KEY"),
    "Y31 one approval for prod": (changed("approvals: 2", "approvals: 1"), "POLICY_FLOOR"),
    "Y33 -1 approvals": (changed("approvals: 2", "approvals: -1"), "RANGE"),
    "Y34 2.0 approvals": (changed("approvals: 2", "approvals: 2.0"), "TYPE"),
    "Y35 a stage is missing": (TEXT[: TEXT.index("  cicd_enforcement")], "STAGE_MISSING"),
    "Y41 empty name": (changed("pipeline: house_prices", 'pipeline: ""'), "NAME"),
    "Y41 blank name": (changed("pipeline: house_prices", 'pipeline: "  "'), "NAME"),
    "Y42 65 letters": (changed("pipeline: house_prices", f"pipeline: {'a' * 65}"), "NAME"),
    "Y43 slash": (changed("pipeline: house_prices", "pipeline: a/b"), "NAME"),
    "Y43 parent": (changed("pipeline: house_prices", "pipeline: ..x"), "NAME"),
    "Y43 blank in it": (changed("pipeline: house_prices", "pipeline: a b"), "NAME"),
    "Y43 emoji": (changed("pipeline: house_prices", "pipeline: 🏠"), "NAME"),
    "Y45 typo": (changed("threshold: 0.1", "treshold: 0.1"), "UNKNOWN_FIELD"),
    "Y49 no time at all": (changed(MATURITY, "maturity: 0d"), "FORM"),
    "Y49 more than ten years": (changed(MATURITY, "maturity: 9999w"), "RANGE"),
    "Y50 cron": (changed("    channels:", "    schedule: 61 * * * *\n    channels:"), "CRON"),
    "Y51 time zone": (changed("time: date,", "time: date, timezone: Mars/Base,"), "TZ"),
    "Y53 access key": (changed(OWNER, f"{OWNER} # AKIAABCDEFGHIJKLMNOP"), "SECRET"),
    "Y53 private key": (changed(OWNER, "owner: '-----BEGIN RSA PRIVATE KEY-----'"), "SECRET"),
    "Y54 variable without a value": (changed("path: data/sales.csv.gz, time", 'path: "${UNSET}", time'), "ENV"),
    "T01 30 February": (changed("2014-11-01", "2014-02-30"), "DAY"),
    "T45 31 February by cron": (changed("    channels:", "    schedule: 0 0 31 2 *\n    channels:"), "CRON"),
}
"""Y37 to Y39 have no counterpart: the eight stages and what they depend on are not declared. Locks: test_versions."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_with_its_code_and_place(name: str) -> None:
    text, code = REFUSED[name]
    with pytest.raises(InvalidPipelineError) as refused:
        parse_pipeline(text, file="pipeline.yaml", environ={})
    found = [one for one in refused.value.problems if one.code == code]
    assert found, [one.code for one in refused.value.problems]
    assert found[0].line >= 1
    assert found[0].column >= 1
    said = str(refused.value)
    assert "AKIAABCDEFGHIJKLMNOP" not in said
    assert len(said) < 3000


ACCEPTED: dict[str, tuple[bytes | str, Callable[[object], object], object]] = {
    "Y13 byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), lambda one: one.name, "house_prices"),  # type: ignore[attr-defined]
    "Y21 NO is a word": (
        changed("maximum: 20}", "maximum: 20}, country: {type: string, one_of: [NO, SE]}"),
        lambda one: one.stages.data_preparation.schema["country"].one_of,  # type: ignore[attr-defined]
        ("NO", "SE"),
    ),
    "Y23 12:30:45 is no number": (
        changed("maximum: 20}", "maximum: 20}, at: {type: string, one_of: [12:30:45]}"),
        lambda one: one.stages.data_preparation.schema["at"].one_of,  # type: ignore[attr-defined]
        ("12:30:45",),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_looks_odd_means_what_it_says(name: str) -> None:
    text, found, expected = ACCEPTED[name]
    assert found(parse_pipeline(text, file="pipeline.yaml", environ={}).pipeline) == expected


DAILY = Windows("daily", "2026-01-01")
KEYS = {
    "T01 30 February": "2026-02-30",
    "T02 month 13": "2026-13-01",
    "T03 no zeros": "2026-1-1",
    "T05 empty": "",
    "T06 before the start": "2025-12-31",
    "T09 parent": "..",
    "T09 pattern": "2026-01-*",
    "T09 escaped": "2026-01-01%00",
    "T19 leap second": "2026-06-30T23:59:60",
    "T21 year 9999": "9999-12-31",
    "T22 offset": "2026-01-01T00:00:00+25:00",
    "T25 a number": "1767225600000",
    "other digits": "٢٠٢٦-٠١-٠١",
}


@pytest.mark.parametrize("name", KEYS)
def test_a_bad_window_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(InputError) as refused:
        DAILY.window(KEYS[name])
    assert KEYS[name][:20] in refused.value.message or not KEYS[name]


def test_time_is_counted_as_calendars_do() -> None:
    """T10, T13, T14, T17, T18, T30: in UTC no hour is lost or comes twice, and the 53rd week is one."""
    with pytest.raises(ValueError, match="end"):
        Windows("daily", "2026-02-01", "2026-01-01")
    for text in ("2026-03-29", "2026-10-25"):
        assert DAILY.window(text).start == day(text)
        assert (DAILY.window(text).end - DAILY.window(text).start).total_seconds() == 24 * 3600
    weekly = Windows("weekly", "2020-12-21")
    week = weekly.window("2020-12-28")
    assert (week.start.isocalendar().week, week.end) == (53, day("2021-01-04"))
    assert weekly.at(day("2021-01-03")) == week
    assert weekly.at(day("2021-01-04")) != week
    assert DAILY.at(day("2026-01-02")).start == day("2026-01-02")


def test_no_day_that_never_comes_is_scheduled() -> None:
    for text in ("0 0 31 2 *", "0 0 30 2 *", "60 0 * * *", "0 24 * * *"):
        with pytest.raises(ValueError, match="cron"):
            five_fields(text)
