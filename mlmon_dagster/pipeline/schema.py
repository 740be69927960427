"""The JSON Schema of a pipeline file, for editors and for other programs."""

from collections.abc import Mapping
from typing import Any, get_args

from mlmon_dagster import plugins
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.pipeline.windows import Every

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a pipeline file with the plug-ins that are installed here.

    No unknown key passes. Rules that relate one key to another (a gate's checks must exist) only the parser knows.
    """
    schema = plugins.adapter(Pipeline).json_schema()
    schema["properties"]["windows"] = {"anyOf": [{"enum": list(get_args(Every))}, schema["properties"]["windows"]]}
    definitions: dict[str, Any] = {}
    body = _flat(schema, definitions)
    return {"$schema": DIALECT, **body, "$defs": {name: definitions[name] for name in sorted(definitions)}}


def _flat(value: Any, definitions: dict[str, Any]) -> Any:
    """The schema with every plug-in and every nested definition written once, under `definitions`, and referred to."""
    if isinstance(value, list):
        return [_flat(inner, definitions) for inner in value]
    if not isinstance(value, Mapping):
        return value
    for name, definition in (value.get("$defs") or {}).items():
        definitions[name] = _flat(definition, definitions)
    flat = {key: _flat(inner, definitions) for key, inner in value.items() if key != "$defs"}
    if "patternProperties" in flat:
        flat["additionalProperties"] = False
    if "use" not in (flat.get("properties") or {}) or "title" not in flat:
        return flat
    definitions[flat["title"]] = flat
    return {"$ref": f"#/$defs/{flat['title']}"}
