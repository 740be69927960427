"""The JSON Schema: takes what the parser takes, and no unknown key that the parser refuses."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared_text import TEXT
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mlmon_dagster.errors import InvalidPipelineError
from mlmon_dagster.pipeline.parse import parse_body, parse_pipeline
from mlmon_dagster.pipeline.reference import reference_page
from mlmon_dagster.pipeline.schema import pipeline_schema

VALIDATOR = Draft202012Validator(pipeline_schema())
BODY: dict[str, Any] = yaml.safe_load(TEXT.replace("2014-11-01", "'2014-11-01'"))
YAML_1_1_BOOLEANS = {"y", "n", "yes", "no", "on", "off", "true", "false"}


def mappings(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, list):
        return [found for place, inner in enumerate(value) for found in mappings(inner, (*path, place))]
    if not isinstance(value, dict):
        return []
    return [path, *(found for key, inner in value.items() for found in mappings(inner, (*path, key)))]


def inside(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        body = body[step]
    return body


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(pipeline_schema())


def test_what_the_parser_takes_passes() -> None:
    assert not list(VALIDATOR.iter_errors(BODY))
    canonical = parse_pipeline(TEXT, file="", environ={}).body
    assert not list(VALIDATOR.iter_errors(json.loads(json.dumps(canonical))))


def test_examples_of_the_repository_pass() -> None:
    file = Path(__file__).parents[2] / "pipelines" / "house_prices" / "pipeline.yaml"
    body = parse_pipeline(file.read_bytes(), file="", environ={}).body
    assert not list(VALIDATOR.iter_errors(json.loads(json.dumps(body))))


@pytest.mark.parametrize("path", mappings(BODY), ids=lambda path: ".".join(map(str, path)) or "pipeline")
def test_an_unknown_key_passes_neither_the_parser_nor_the_schema(path: tuple[Any, ...]) -> None:
    body = copy.deepcopy(BODY)
    inside(body, path)["Zz"] = {"Zz": 1}
    with pytest.raises(InvalidPipelineError):
        parse_body(body, file="", environ={})
    assert not VALIDATOR.is_valid(body)


@given(st.sampled_from(mappings(BODY)), st.data())
def test_a_missing_key_that_the_schema_takes_the_parser_takes_or_explains(
    path: tuple[Any, ...], data: st.DataObject
) -> None:
    body = copy.deepcopy(BODY)
    target = inside(body, path)
    del target[data.draw(st.sampled_from(sorted(target)))]
    try:
        parse_body(body, file="", environ={})
        codes = set()
    except InvalidPipelineError as error:
        codes = {one.code for one in error.problems}
    only_related = codes <= {"VALUE", "UNKNOWN_CHECK"}
    assert VALIDATOR.is_valid(body) >= (not codes)
    assert only_related or not VALIDATOR.is_valid(body)


def test_a_plugin_of_another_name_needs_use() -> None:
    body = copy.deepcopy(BODY)
    body["stages"]["model_monitoring"]["monitors"] = {"ks": {"column": "x"}}
    body["stages"]["model_deployment"]["prod"]["gate"]["checks"] = []
    assert VALIDATOR.is_valid(body)
    body["stages"]["model_monitoring"]["monitors"] = {"other": {"column": "x"}}
    assert not VALIDATOR.is_valid(body)


def test_no_key_is_a_boolean_to_old_yaml() -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value))
        if not isinstance(value, dict):
            return set()
        return set(value.get("properties", {})).union(*map(keys, value.values()))

    assert not keys(pipeline_schema()) & YAML_1_1_BOOLEANS


def test_the_documentation_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "pipeline.md"
    assert page.read_text(encoding="utf-8") == reference_page(), "run: mlmon export reference --output docs/pipeline.md"
