"""The functions and local files that a pipeline file refers to, and which of them are not there."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mlmon_dagster.errors import Problem
from mlmon_dagster.pipeline.source import Source
from mlmon_dagster.pipeline.spec import CallableFeature
from mlmon_dagster.plugins import name_of, unknown

if TYPE_CHECKING:
    from mlmon_dagster.adapters.pipelines import Declared


def missing_references(declared: "Declared") -> tuple[Problem, ...]:
    """A warning for every function, module and local file that the pipeline names and that is not there.

    Nothing is imported or run: modules are looked for beside the pipeline file, in the folder above it, and among
    installed packages; a function must be defined at the top of its module.
    """
    folder = declared.file.parent
    found = [
        *((path, _missing_function(name, folder)) for path, name in _functions(declared)),
        *((path, _missing_file(name, folder)) for path, name in _files(declared)),
    ]
    return tuple(Problem("REFERENCE", f"{path}: {why}", file=str(declared.file)) for path, why in found if why)


def _functions(declared: "Declared") -> Iterator[tuple[str, str]]:
    stages = declared.pipeline.stages
    for name, feature in stages.feature_store.features.items():
        if isinstance(feature, CallableFeature):
            yield f"stages.feature_store.features.{name}", feature.call
    if stages.model_registry.train:
        yield "stages.model_registry.train", stages.model_registry.train


def _files(declared: "Declared") -> Iterator[tuple[str, str]]:
    stages = declared.pipeline.stages
    sources: dict[str, Source] = {"stages.data_ingestion.source": stages.data_ingestion.source}
    if stages.model_monitoring.performance:
        sources["stages.model_monitoring.performance.labels.source"] = stages.model_monitoring.performance.labels.source
    for path, source in sources.items():
        if name_of(source.reader.__class__) == "file":
            yield f"{path}.path", source.reader.path
    uri = stages.model_registry.uri
    if uri and "://" not in uri and not uri.startswith(("models:/", "runs:/")):
        yield "stages.model_registry.uri", uri


def _missing_function(name: str, folder: Path) -> str | None:
    module, _, function = name.partition(":")
    for base in (folder, folder.parent):
        path = base.joinpath(*module.split("."))
        file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        if file.is_file():
            return _missing_definition(file, function)
    if find_spec(module.partition(".")[0]) is not None:
        return None
    return f"there is no module {module} beside the pipeline file or in the folder above it, nor is it installed"


def _missing_definition(file: Path, function: str) -> str | None:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        return f"{file.name} cannot be parsed: {error}"
    names = tuple(sorted(set(_defined(tree))))
    return None if function in names or "*" in names else unknown(f"function in {file.name}", function, names)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _missing_file(name: str, folder: Path) -> str | None:
    path = folder / Path(name).expanduser()
    if any(sign in name for sign in "*?["):
        anchor = Path(path.anchor)
        return None if next(anchor.glob(str(path.relative_to(anchor))), None) else f"no file matches {path}"
    return None if path.exists() else f"there is no file {path}"
