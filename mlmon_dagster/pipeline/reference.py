"""The page that lists every key of a pipeline file, made from the declared types: it cannot fall behind them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlmon_dagster import plugins
from mlmon_dagster.drift.monitor import Threshold
from mlmon_dagster.pipeline.forms import FORMS
from mlmon_dagster.pipeline.schema import pipeline_schema
from mlmon_dagster.pipeline.source import Rows
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.stages import STAGES

INTRODUCTION = """\
# The pipeline file

One YAML file declares the life of one model: `pipelines/<name>/pipeline.yaml`. `mlmon validate` says every mistake
with its line and column, `mlmon export jsonschema` gives an editor the same knowledge. This page is made by
`mlmon export reference`; a small whole pipeline is made by `mlmon init`.

Three rules:

- **Plug-ins.** Wherever a plug-in stands, `use` names it and the other keys are its fields. Where plug-ins have names
  (`monitors`, `checks`), the key is the instance's name, and `use` may be left out when the name is the plug-in's.
  A plug-in without fields is written as its name: `target: local`.
- **Variables.** `${NAME}` and `${NAME:-default}` are filled in from the environment where the file is read; quoted, the
  result is always text; `$${` stands for `${`. Those below `channels` are read when an alert is sent, so that secrets
  stay out of the declaration. The digest of a pipeline version is over the variables' names, not their values.
- **No surprises.** Unknown keys, duplicate keys, anchors, aliases, merge keys, tags, several documents, control
  characters, literal secrets and numbers such as `010` are refused. `NO`, `yes`, `12:30` and dates are text, as in
  YAML 1.2.

Paths are relative to the pipeline file's folder. A function is written `module.path:function`; its module is looked for
beside the pipeline file, in the folder above it (`pipelines/`), and among installed packages.
"""

_FAMILIES = {
    "source": ("Sources", "read rows. Every source also has these keys:", Rows),
    "method": ("Methods", "measure the drift of a column in a monitor. Every monitor also has these keys:", Threshold),
    "joint": ("Joint methods", "measure drift over several columns at once. Their monitors have the same keys.", None),
    "check": ("Checks", "judge one metric of a window.", None),
    "channel": ("Channels", "carry alerts to people.", None),
    "target": ("Targets", "run deployments.", None),
    "engine": ("Engines", "count the rows of windows.", None),
}


def reference_page() -> str:
    """The whole page, as Markdown."""
    definitions = pipeline_schema()["$defs"]
    return "\n".join(_lines(definitions)).rstrip() + "\n"


def _lines(definitions: Mapping[str, Any]) -> Iterator[str]:
    yield INTRODUCTION
    yield "## The pipeline\n"
    yield from _table(_schema_of(Pipeline))
    yield "\n### windows\n\n`windows: weekly` is short for `windows: {every: weekly}`.\n"
    yield from _table(definitions["Windows"])
    for stage in STAGES:
        name = "".join(part.title() for part in stage.split("_"))
        yield f"\n## {stage}\n\n{_paragraphs(definitions[name])}\n"
        yield from _table(definitions[name])
        if stage == "model_deployment":
            yield "\nEnvironments are entered in this order; the keys of staging and prod are those of dev."
        yield from _nested(definitions, name, stage, {name})
    for family in plugins.FAMILIES:
        yield from _family(family)


def _nested(definitions: Mapping[str, Any], name: str, path: str, seen: set[str]) -> Iterator[str]:
    """Mappings inside a stage, each once, under the path of their key."""
    for key, field in definitions[name].get("properties", {}).items():
        for inner in _references(field):
            if inner in seen or inner not in definitions or "." in inner:
                continue
            seen.add(inner)
            named = "" if field.get("$ref") or "anyOf" in field else ".NAME"
            yield f"\n### {path}.{key}{named}\n\n{_paragraphs(definitions[inner])}\n"
            yield from _table(definitions[inner])
            yield from _nested(definitions, inner, f"{path}.{key}{named}", seen)


def _references(field: Any) -> Iterator[str]:
    if isinstance(field, Mapping):
        for key, value in field.items():
            if key == "$ref":
                yield value.removeprefix("#/$defs/")
            else:
                yield from _references(value)
    elif isinstance(field, list):
        for value in field:
            yield from _references(value)


def _family(family: str) -> Iterator[str]:
    title, text, shared = _FAMILIES[family]
    yield f"\n## {title}\n\nPlug-ins that {text}\n"
    if shared:
        yield from _table(_schema_of(shared))
    for name in plugins.names(family):
        plugin = plugins.load(family, name)
        schema = _schema_of(plugin)
        yield f"\n### {name}\n\n{_paragraphs(schema)}\n"
        if family == "method":
            yield _method(plugin)
        if family == "joint":
            yield _joint(plugin)
        yield from _table(schema)


def _method(plugin: Any) -> str:
    kinds = ", ".join(plugin.kinds)
    return f"Default threshold {plugin.default_threshold:g} ({plugin.unit}); for {kinds} columns.\n"


def _joint(plugin: Any) -> str:
    return f"Default threshold {plugin.default_threshold:g} ({plugin.unit}).\n"


def _schema_of(declared: type) -> dict[str, Any]:
    return plugins.adapter(declared).json_schema()


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    fields = schema.get("properties", {})
    if not fields:
        return
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for key, field in fields.items():
        default = "**required**" if key in schema.get("required", ()) else _default(field)
        yield f"| `{key}` | {_kind(field)} | {default} | {_cell(field.get('description', ''))} |"


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, "", [], {}) else f"`{_text(default)}`"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _kind(field: Mapping[str, Any]) -> str:
    """The value in a few words."""
    if "enum" in field or "const" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        kinds = [_kind(one) for one in field["anyOf"] if one.get("type") != "null"]
        return "a plug-in" if any(kind == "a plug-in" for kind in kinds) else " or ".join(dict.fromkeys(kinds))
    if "$ref" in field:
        return "a plug-in" if "." in field["$ref"].rpartition("/")[2] else "a mapping"
    if field.get("pattern") in FORMS:
        return FORMS[field["pattern"]]
    if field.get("type") == "array":
        return f"a list: {_kind(field.get('items', {}))}"
    if field.get("type") in ("number", "integer"):
        return _number(field)
    if field.get("format") == "date":
        return "a day, YYYY-MM-DD"
    words = {"string": "text", "boolean": "true or false", "object": "a mapping by name"}
    return words.get(str(field.get("type")), "a mapping")


def _number(field: Mapping[str, Any]) -> str:
    noun = "an integer" if field["type"] == "integer" else "a number"
    bounds = [
        text.format(field[key])
        for key, text in (("minimum", "from {}"), ("exclusiveMinimum", "above {}"), ("maximum", "to {}"))
        if key in field
    ]
    return " ".join([noun, *bounds])


def _paragraphs(schema: Mapping[str, Any]) -> str:
    """The docstring; its examples in a block of their own."""
    paragraphs = str(schema.get("description", "")).strip().split("\n\n")
    return "\n\n".join(f"```python\n{one}\n```" if one.startswith(">>>") else one for one in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
