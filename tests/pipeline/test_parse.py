"""From text to a pipeline: every mistake has a code, a place, and says what was expected."""

import pytest
from declared_text import TEXT, changed, place_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmon_dagster.errors import InvalidPipelineError, Problem
from mlmon_dagster.pipeline.parse import parse_body, parse_pipeline

GATE = "{approvals: 2, checks: [inputs, price_ks]}"


def problems(text: bytes | str, **environ: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidPipelineError) as caught:
        parse_pipeline(text, file="pipeline.yaml", environ=environ)
    return caught.value.problems


def test_a_whole_pipeline_is_read() -> None:
    pipeline = parse_pipeline(TEXT, file="pipeline.yaml", environ={}).pipeline
    assert (pipeline.name, pipeline.environments) == ("house_prices", ("dev", "staging", "prod"))
    assert [pipeline.approvals(environment) for environment in pipeline.environments] == [0, 1, 2]
    assert pipeline.stages.data_ingestion.source.reader.path == "data/sales.csv.gz"
    assert pipeline.stages.data_ingestion.source.rows.key == ("id", "date")
    assert pipeline.stages.model_monitoring.monitors["price_ks"].threshold == 0.1
    assert pipeline.stages.model_monitoring.check_names == (
        "inputs", "price_ks", "slow", "target_drift", "performance_drift",
    )  # fmt: skip


MISTAKES = {
    "typo": ("threshold: 0.1", "treshold: 0.1", "UNKNOWN_FIELD", "treshold", "did you mean threshold?"),
    "typo_of_a_stage": ("  feature_store:", "  feature_stor:", "UNKNOWN_FIELD", "feature_stor:", "feature_store"),
    "typo_in_a_plugin": ("limit: 100", "limit: 100, limt: 1", "UNKNOWN_FIELD", "limt", "did you mean limit?"),
    "typo_in_a_source": ("time: date, ", "tme: date, ", "UNKNOWN_FIELD", "tme", "did you mean time?"),
    "typo_in_a_target": ("dev:     {target: local}", "dev: {target: {use: local, prt: 1}}", "UNKNOWN_FIELD", "prt",
                         "did you mean port?"),
    "typo_in_a_feature": ('{call: "house', '{cal: "house', "UNKNOWN_FIELD", "cal:", "did you mean call?"),
    "unknown_method": ("use: ks", "use: kss", "UNKNOWN_PLUGIN", "kss", "did you mean ks?"),
    "unknown_joint": ("use: ks", "use: pca_residul", "UNKNOWN_PLUGIN", "pca_residul", "did you mean pca_residual"),
    "unknown_channel": ("[console]", "[consol]", "UNKNOWN_PLUGIN", "consol", "did you mean console?"),
    "unknown_check_in_a_gate": ("price_ks]}", "price]}", "UNKNOWN_CHECK", "[inputs", "known: inputs, price_ks, slow"),
    "floor_of_prod": ("approvals: 2", "approvals: 1", "POLICY_FLOOR", "1, checks", "prod needs at least 2"),
    "negative_approvals": ("approvals: 2", "approvals: -1", "RANGE", "-1, ch", "got -1"),
    "float_approvals": ("approvals: 2", "approvals: 2.0", "TYPE", "2.0, ch", "expected an integer, got 2.0"),
    "word_approvals": ("approvals: 2", "approvals: yes", "TYPE", "yes, ch", "expected an integer, got 'yes'"),
    "no_number": ("threshold: 0.1", "threshold: .nan", "RANGE", ".nan", "not a finite number"),
    "zero_threshold": ("threshold: 0.1", "threshold: 0", "RANGE", "0}\n    ch", "greater than 0, got 0"),
    "number_as_name": ("pipeline: house_prices", "pipeline: 7", "TYPE", "7", "expected text, got 7"),
    "empty_name": ("pipeline: house_prices", 'pipeline: ""', "NAME", '""', "expected a name"),
    "path_as_name": ("pipeline: house_prices", "pipeline: ../x", "NAME", "../x", "expected a name"),
    "space_in_a_name": ("pipeline: house_prices", "pipeline: a b", "NAME", "a b", "expected a name"),
    "emoji_as_name": ("pipeline: house_prices", "pipeline: 🏠", "NAME", "🏠", "expected a name"),
    "long_name": ("pipeline: house_prices", f"pipeline: {'a' * 65}", "NAME", "aaa", "at most 64"),
    "name_of_a_monitor": ("price_ks: {", "price ks: {", "NAME", "price ks", "expected a name"),
    "reserved_name": ("slow: {", "performance_drift: {", "VALUE", "monitors:\n", "choose another"),
    "feature_name": ("{age:", "{a ge:", "NAME", "a ge", "expected a name"),
    "owner": ("team:pricing", "pricing", "FORM", "pricing\nwindows", "team:name or an e-mail address"),
    "window": ("windows: weekly", "windows: wekly", "VALUE", "wekly", "did you mean weekly?"),
    "day": ("2014-11-01", "2014-02-30", "DAY", "2014-02-30", "expected a day"),
    "distant_day": ("windows: weekly", "windows: {every: weekly, start: 0001-01-01}", "DAY", "0001", "1900 to 2199"),
    "cron": ("    channels:", "    schedule: 61 * * * *\n    channels:", "CRON", "61 *", "within 0 to 59"),
    "zone": ("time: date,", "time: date, timezone: Mars/Base,", "TZ", "Mars", "no time zone called 'Mars/Base'"),
    "long_period": ("maturity: 14d", "maturity: 9999w", "RANGE", "9999w", "at most ten years"),
    "no_period": ("maturity: 14d", "maturity: 0d", "FORM", "0d", "a length of time such as"),
    "list_for_text": ("metric: mae", "metric: [mae]", "VALUE", "[mae]", "got a list"),
    "text_for_list": ("channels: [console]", "channels: console", "TYPE", "console", "expected a list, got 'console'"),
    "nothing_for_a_stage": ("{source: {use: file, path: data/sales.csv.gz, time: date, key: [id, date]}}", "", "TYPE",
                            "\n  data_preparation", "got nothing"),
    "scalar_for_stages": (TEXT[TEXT.index("stages:\n") + 8 :], "  5\n", "TYPE", "5", "expected a mapping, got 5"),
    "two_origins": ("train: ", "uri: models:/a/1, train: ", "VALUE", "{model: house", "exactly one of"),
    "no_time": ("time: date, ", "", "VALUE", "{source", "must name its `time` column"),
    "missing_field": ("metric: latency_ms.p99, limit: 100", "limit: 100", "MISSING", "slow", "'metric' is missing"),
    "log_elsewhere": ("{batch: {each: window}}", "{realtime: {log: gs://x/y}}", "VALUE", "{log", "or s3://bucket"),
    "remote_nowhere": ("{batch: {each: window}}", "{realtime: {durability: remote}}", "VALUE", "{durability",
                       "`log` must say where"),
    "remote_in_prod": ("      strategy: blue_green", "      durability: remote", "VALUE", "remote",
                       "prod: `durability: "),
    "bands": ("{batch: {each: window}}", "{realtime: {moderate: 3}}", "VALUE", "{moderate", "(3) is above `high` (2)"),
    "durability": ("{batch: {each: window}}", "{realtime: {durability: remot}}", "VALUE", "remot",
                   "did you mean remote?"),
    "no_sample": ("{batch: {each: window}}", "{realtime: {sample: 0}}", "RANGE", "0}}\n  model_mon", "greater than 0"),
    "missing_key": ("owner: team:pricing\n", "", "MISSING", "pipeline", "'owner' is missing in the pipeline"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_code_place_and_sentence(name: str) -> None:
    old, new, code, found, sentence = MISTAKES[name]
    text = changed(old, new)
    first = next(one for one in problems(text) if one.code == code)
    assert sentence in first.message
    if name not in ("reserved_name", "nothing_for_a_stage"):
        assert (first.line, first.column) == place_of(text, found), first


@pytest.mark.parametrize(
    "stage", [line.split(":")[0].strip() for line in TEXT.splitlines() if line[2:3].strip() and line[:2] == "  "]
)
def test_a_missing_stage_is_named(stage: str) -> None:
    lines, kept, inside = TEXT.splitlines(keepends=True), [], False
    for line in lines:
        if line[:2] == "  " and line[2] != " ":
            inside = line.strip().startswith(f"{stage}:")
        kept += [] if inside else [line]
    assert any(
        one.code == "STAGE_MISSING" and f"the stage {stage} is missing" in one.message
        for one in problems("".join(kept))
    )


def test_staging_needs_an_approval() -> None:
    text = changed("strategy: canary}", "gate: {approvals: 0}}")
    assert [one.code for one in problems(text)] == ["POLICY_FLOOR"]


def test_a_pipeline_may_ask_for_more_approvals() -> None:
    parsed = parse_pipeline(changed("approvals: 2", "approvals: 3"), file="", environ={})
    assert parsed.pipeline.approvals("prod") == 3


def test_environments_are_entered_in_order() -> None:
    assert (
        "in the order dev, staging, prod"
        in problems(changed("    staging: {target: local, strategy: canary}\n", ""))[0].message
    )


def test_all_mistakes_are_told_in_the_order_of_the_file() -> None:
    text = (
        TEXT.replace("threshold", "treshold")
        .replace("pricing", "Pricing", 1)
        .replace("14d", "'${X}'")
        .replace("mae", "mea")
    )
    assert [one.code for one in problems(text)] == ["NAME", "UNKNOWN_FIELD", "VALUE", "ENV"]


def test_what_follows_from_a_mistake_is_not_told() -> None:
    assert [one.code for one in problems(changed('train: "house_prices.model:train"', "train: 010"))] == ["AMBIGUOUS"]


def test_a_mistake_prints_as_a_place_that_editors_open() -> None:
    line, column = place_of(changed("threshold", "treshold"), "treshold")
    assert str(problems(changed("threshold", "treshold"))[0]) == (
        f"pipeline.yaml:{line}:{column}: unknown key 'treshold' in stages.model_monitoring.monitors.price_ks; "
        "did you mean threshold? (known: use, column, columns, threshold, alarm_budget, significance, minimum_rows, "
        "compatible, persistence, season, segments) [UNKNOWN_FIELD]"
    )


def test_the_value_of_a_variable_is_not_told() -> None:
    told = problems(changed("team:pricing", "${OWNER}"), OWNER="very secret")
    assert "very secret" not in str(told[0])
    assert "${OWNER}" in told[0].message


def test_the_body_keeps_variables_as_they_are_written() -> None:
    text = changed("path: data/sales.csv.gz, time", 'path: "${FEED:-a.csv}", time')
    one, other = (parse_pipeline(text, file="", environ=environ) for environ in ({}, {"FEED": "b.csv"}))
    assert (one.pipeline.stages.data_ingestion.source.reader.path) == "a.csv"
    assert (other.pipeline.stages.data_ingestion.source.reader.path) == "b.csv"
    assert one.body == other.body
    assert one.body["stages"]["data_ingestion"]["source"]["path"] == "${FEED:-a.csv}"


def test_variables_of_channels_are_left_for_the_moment_of_sending() -> None:
    text = changed("[console]", "[{use: webhook, url: '${HOOK}'}]")
    channel = parse_pipeline(text, file="", environ={}).pipeline.stages.model_monitoring.channels[0]
    assert channel.url == "${HOOK}"


def test_an_empty_stage_has_its_defaults() -> None:
    parsed = parse_pipeline(
        changed("model_inferencing: {batch: {each: window}}", "model_inferencing:"), file="", environ={}
    )
    assert parsed.pipeline.stages.model_inferencing.batch.each == "window"


def test_the_body_declares_the_same_pipeline() -> None:
    parsed = parse_pipeline(TEXT, file="", environ={})
    assert parse_body(parsed.body, file="", environ={}) == parsed


def test_a_body_is_refused_with_paths_instead_of_lines() -> None:
    body = parse_pipeline(TEXT, file="", environ={}).body
    with pytest.raises(InvalidPipelineError) as caught:
        parse_body({**body, "owner": "${WHO}", "x": object()}, file="defs.yaml", environ={})
    assert [(one.code, one.line, one.path) for one in caught.value.problems] == [
        ("ENV", 0, ("owner",)),
        ("TYPE", 0, ("x",)),
    ]


def test_days_that_another_reader_made_dates_are_days() -> None:
    from datetime import date

    body = dict(parse_pipeline(TEXT, file="", environ={}).body)
    body["windows"] = {"every": "weekly", "start": date(2014, 5, 5)}
    assert parse_body(body, file="", environ={}).pipeline.windows.start == "2014-05-05"


@given(st.binary(max_size=200))
def test_bytes_are_refused_and_never_crash(raw: bytes) -> None:
    problems(raw)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_refused_or_read_and_never_crashes(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = data.draw(st.integers(start, min(len(TEXT), start + 30)))
    middle = data.draw(st.text("{}[]:,'\"\n  abc_-0.1~&*!<$", max_size=8))
    try:
        parsed = parse_pipeline(TEXT[:start] + middle + TEXT[end:], file="x", environ={})
    except InvalidPipelineError:
        return
    assert parse_body(parsed.body, file="x", environ={}).pipeline == parsed.pipeline


def test_a_monitor_that_its_windows_cannot_have_is_told_at_its_place() -> None:
    text = changed("use: ks, column: prediction", "use: ks, season: hour_of_week, column: prediction")
    (problem,) = problems(text)
    assert "a weekly window has no hour of week; with these windows a season is month_of_year" in problem.message
    assert (problem.line, problem.column) == place_of(text, "hour_of_week")
