"""The file `MLmodel`: read strictly, and held to what a model without code needs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mlmon_dagster.adapters.admission.findings import Finding

FILE = "MLmodel"
LARGEST = 64_000
FLAVORS = frozenset(("python_function", "sklearn"))
LOADERS = frozenset(("mlflow.sklearn",))
PATHS = ("pickled_model", "model_path", "data", "artifact_path", "serving_input_path")
"""Keys that name files of the model."""


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_mlmodel(directory: Path) -> tuple[dict[str, Any], list[Finding]]:
    """(what the file says, what is wrong with it)."""
    path = directory / FILE
    if not path.is_file() or path.is_symlink():
        return {}, [Finding("MLMODEL", FILE, "there is none")]
    content = path.read_bytes()
    if len(content) > LARGEST:
        return {}, [Finding("MLMODEL", FILE, f"it has {len(content)} bytes, {LARGEST} are allowed")]
    try:
        _refuse_tricks(content)
        told = yaml.load(content, Loader=_LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return {}, [Finding("MLMODEL", FILE, f"it cannot be read: {str(error).splitlines()[0]}")]
    if not isinstance(told, dict):
        return {}, [Finding("MLMODEL", FILE, "it is no mapping")]
    return told, list(_examine(told, directory))


def _examine(told: Mapping[str, Any], directory: Path) -> Iterator[Finding]:
    flavors = told.get("flavors")
    if not isinstance(flavors, dict) or "sklearn" not in flavors:
        yield Finding("FLAVOR", FILE, f"expected the flavor sklearn, got {_names(flavors)}")
        return
    if foreign := sorted(map(str, set(flavors) - FLAVORS)):
        yield Finding("FLAVOR", FILE, f"the flavors {', '.join(foreign)} are not admitted")
    for flavor, told_of_it in flavors.items():
        if not isinstance(told_of_it, dict):
            yield Finding("FLAVOR", FILE, f"flavor {flavor} is no mapping")
            continue
        loader = told_of_it.get("loader_module")
        if loader is not None and loader not in LOADERS:
            yield Finding("LOADER", FILE, f"it is loaded by {loader!r}")
        if told_of_it.get("code"):
            yield Finding("CODE", FILE, f"it brings code ({told_of_it['code']!r})")
        for key in PATHS:
            if key in told_of_it and told_of_it[key] is not None:
                yield from _inside(str(told_of_it[key]), directory)
    form = flavors["sklearn"].get("serialization_format") if isinstance(flavors["sklearn"], dict) else None
    if form != "skops":
        yield Finding("PICKLE", FILE, f"the model is kept as {form or 'pickle'}, which runs code when it is loaded")
    if (directory / "code").exists():
        yield Finding("CODE", "code", "it brings code")


def _inside(name: str, directory: Path) -> Iterator[Finding]:
    path = directory / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file():
        yield Finding("PATH", FILE, f"it names the file {name!r}, which is not in the model")


def _refuse_tricks(content: bytes) -> None:
    """Keys that come twice, of which one would win silently; aliases, with which a small file unfolds to a large."""
    depth: list[set[str] | None] = []
    key = False
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.MappingStartEvent):
            depth.append(set())
            key = True
        elif isinstance(event, yaml.SequenceStartEvent):
            depth.append(None)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth.pop()
            key = bool(depth) and depth[-1] is not None
        elif isinstance(event, yaml.ScalarEvent) and depth and depth[-1] is not None:
            if key:
                if event.value in depth[-1]:
                    raise ValueError(f"the key {event.value!r} comes twice")
                depth[-1].add(event.value)
            key = not key
        elif isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not accepted")
        if len(depth) > 30:
            raise ValueError("it is nested too deep")


def _names(flavors: Any) -> str:
    return ", ".join(sorted(map(str, flavors))) if isinstance(flavors, dict) and flavors else "none"
