"""A user's own functions, named `module.path:function` in a pipeline file."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from mlmon_dagster.errors import FailedError, InputError, MissingError
from mlmon_dagster.plugins import unknown

FOLDER = "__pipeline_folder__"
"""Attribute of a user's module: the folder that its dotted path starts from."""


def load_callable(name: str, directory: Path) -> Callable[..., Any]:
    """The function called `module.path:function`.

    The module is looked for in the pipeline file's folder, in the folder above it (where the folder is a package of its
    own) and among installed packages. Raises `MissingError` when there is none, `InputError` when importing it fails.
    """
    module_name, _, function = name.partition(":")
    with _found_from(_root(module_name, directory)):
        module = _import(module_name, directory)
    found = getattr(module, function, None)
    if not callable(found):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise MissingError(unknown(f"function in {module_name}", function, tuple(sorted(functions))))
    return found  # type: ignore[no-any-return]


def call(name: str, directory: Path, *arguments: Any) -> Any:
    """What the user's function returns; `FailedError` with the file and line where it fails."""
    function = load_callable(name, directory)
    with _found_from(_root(name.partition(":")[0], directory)):
        try:
            return function(*arguments)
        except Exception as error:  # user code starts here: whatever it raises is told with its own line
            raise FailedError(f"{name} failed{_where(error)}: {type(error).__name__}: {error}") from error


def _root(module: str, directory: Path) -> Path:
    """The folder that the module's dotted path starts from."""
    for folder in (directory, directory.parent):
        path = folder.joinpath(*module.split("."))
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            return folder.resolve()
    return directory.resolve()


@contextmanager
def _found_from(folder: Path) -> Iterator[None]:
    """Modules are imported from `folder` first.

    Two pipelines may have modules of one name: those that came from another pipeline's folder are forgotten here.
    """
    for name, module in sys.modules.copy().items():  # at once: other threads import, too
        if getattr(module, FOLDER, folder) != folder:
            del sys.modules[name]
    before = sys.modules.copy()
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in sys.modules.copy().keys() - before.keys():
            if folder in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
                setattr(sys.modules[name], FOLDER, folder)


def _import(name: str, directory: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise MissingError(
                f"there is no module {name!r} in {directory} or the folder above it, nor is it installed",
                hint="write `module.path:function`, the module beside the pipeline file",
            ) from error
        raise InputError(f"{name} cannot be imported{_where(error)}: {error}", hint="install what it needs") from error
    except Exception as error:  # user code starts here: whatever it raises is told with its own line
        raise InputError(f"{name} cannot be imported{_where(error)}: {type(error).__name__}: {error}") from error


def _where(error: BaseException) -> str:
    """The user's own line: the last of the traceback that is not Python's or ours."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {error.filename}:{error.lineno}"
    ours = str(Path(__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((ours, "<frozen"))]
    frames = [frame for frame in frames if "importlib" not in frame.filename]
    return f" at {frames[0].filename}:{frames[0].lineno}" if frames else ""
