"""One model, one sequence of bytes: skops files without memory addresses and clock times."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = "schema.json"


def make_canonical(file: Path) -> None:
    """Rewrites a skops file so that dumping the same model again gives the same bytes.

    skops names objects by their memory address and stamps each member with the time of day: addresses become
    numbers in order of appearance, times the first that a zip archive knows.
    """
    with zipfile.ZipFile(file) as archive:
        schema = json.loads(archive.read(SCHEMA))
        members = {name: archive.read(name) for name in archive.namelist() if name != SCHEMA}
    numbers: dict[int, int] = {}
    for node in _nodes(schema):
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
    renamed: dict[str, bytes] = {}
    for node in _nodes(schema):
        if node.get("file") in members:
            name = f"{node['__id__']}{Path(node['file']).suffix}"
            renamed[name] = members[node["file"]]
            node["file"] = name
    renamed[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(renamed):
            archive.writestr(zipfile.ZipInfo(name), renamed[name])


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every described object, in order of appearance."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            if "__id__" in current:
                yield current
            waiting.extend(reversed(current.values()))
        elif isinstance(current, list):
            waiting.extend(reversed(current))
