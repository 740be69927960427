"""The pipeline file and the model that `mlmon init --data` writes of what it found."""

import json
import re
from typing import Any

from mlmon_dagster.cli._survey import Survey, Trait

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names that need no quotes in YAML, unless they are `WORDS`."""

WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def placeholders(name: str, path: str, found: Survey) -> dict[str, str]:
    """What the templates' `@words@` stand for."""
    windows, until = found.windows, found.later[0].start
    return {
        "name": name,
        "rows": f"{found.rows:,}",
        "description": _text(f"Predicts {found.target.name}."),
        "windows": f"{{every: {windows.every}, start: {windows.start}, end: {windows.end}}}",
        "path": _path(name, path),
        "time": _text(found.time),
        "key": f"\n      key: {_list(found.key)}" if found.key else "",
        "schema": "\n".join(f"      {_rule(one, found)}" for one in _declared(found)),
        "until": f"{until:%Y-%m-%d}",
        "reference": str(len(found.reference)),
        "all": str(len(found.reference) + len(found.later)),
        "budget": "1 per year" if windows.every == "monthly" else "1 per quarter",
        "performance": _performance(name, path, found),
        "inputs": _python([one.name for one in found.inputs]),
        "texts": _python(list(found.texts)),
        "target": json.dumps(found.target.name, ensure_ascii=False),
        "estimator": "HistGradientBoostingClassifier" if found.classes else "HistGradientBoostingRegressor",
    }


def _declared(found: Survey) -> tuple[Trait, ...]:
    return (*found.inputs, found.target)


def _rule(one: Trait, found: Survey) -> str:
    more = ", nullable: true" if one.missing else ""
    if one is found.target and found.classes and one.type == "string":
        more = f", one_of: {_list(found.classes)}{more}"
    note = "what is predicted" if one is found.target else one.range
    return f"{_plain(one.name)}: {{type: {one.type}{more}}}" + (f" # {_note(note)}" if note else "")


def _note(text: str) -> str:
    """A comment of one line."""
    return " ".join(re.sub(r"[^\x20-\x7e\xa0-\ud7ff]", " ", text).split())[:80]


def _performance(name: str, path: str, found: Survey) -> str:
    if not found.key:
        return "\n    # performance needs a `key`, by which labels find their predictions"
    positive = f"\n      positive: {_text(found.positive)}" if len(found.classes) == 2 else ""
    source = f"{{use: file, path: {_path(name, path)}, key: {_list(found.key)}}}"
    return f"""
    performance:
      metric: {"accuracy" if found.classes else "mae"}{positive}
      labels: # the true values, where they come from and how long after a window's end they are complete
        source: {source}
        column: {_text(found.target.name)}
        maturity: 1d"""


def _list(values: Any) -> str:
    return f"[{', '.join(_text(one) for one in values)}]"


def _path(name: str, path: str) -> str:
    """Where the data are, unless a variable says otherwise."""
    return json.dumps(f"${{{name.upper()}_DATA:-{path}}}", ensure_ascii=False)


def _text(value: Any) -> str:
    """A value as YAML, with `$${` for a `${` that is no variable."""
    return _plain(value.replace("${", "$${")) if isinstance(value, str) else json.dumps(value)


def _plain(name: str) -> str:
    """A key as YAML, in which nothing is filled in: without quotes where nobody can read it as anything else."""
    if PLAIN.fullmatch(name) and name.lower() not in WORDS:
        return name
    return json.dumps(name, ensure_ascii=False)


def _python(names: list[str]) -> str:
    line = json.dumps(names, ensure_ascii=False)
    if len(line) < 100:
        return line
    return "[\n" + "".join(f"    {json.dumps(name, ensure_ascii=False)},\n" for name in names) + "]"
