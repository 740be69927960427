"""A user's own functions."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmon_dagster.assets.callables import call, load_callable
from mlmon_dagster.errors import FailedError, InputError, MissingError


@pytest.fixture(autouse=True)
def _imports_are_undone() -> Iterator[None]:
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def pipeline(root: Path, body: str, module: str = "model") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{module}.py").write_text(body)
    return root


def test_a_module_beside_the_pipeline_file_is_found(tmp_path: Path) -> None:
    assert call("model:train", pipeline(tmp_path / "houses", "def train(x): return x + 1"), 2) == 3


def test_the_folder_itself_may_be_the_package(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "houses", "from houses.parts import one\ndef train(): return one")
    pipeline(folder, "one = 1", "parts")
    assert call("houses.model:train", folder) == 1


def test_an_installed_module_is_found(tmp_path: Path) -> None:
    assert call("math:sqrt", tmp_path, 9) == 3


def test_modules_of_one_name_in_two_pipelines_do_not_mix(tmp_path: Path) -> None:
    one = pipeline(tmp_path / "one", "from steps import n\ndef train(): return n")
    two = pipeline(tmp_path / "two", "from steps import n\ndef train(): return n")
    pipeline(one, "n = 1", "steps")
    pipeline(two, "n = 2", "steps")
    assert [call("model:train", folder) for folder in (one, two, one)] == [1, 2, 1]


def test_importing_leaves_the_search_path_alone(tmp_path: Path) -> None:
    before = list(sys.path)
    call("model:train", pipeline(tmp_path, "def train(): pass"))
    assert sys.path == before


def test_an_unknown_function_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no function in model called 'trian'; did you mean train\?"):
        load_callable("model:trian", pipeline(tmp_path, "def train(): pass"))


def test_an_unknown_module_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"there is no module 'nowhere\.model'"):
        load_callable("nowhere.model:train", tmp_path)


def test_a_module_that_lacks_what_it_imports_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"model cannot be imported at {tmp_path}/model.py:2: No module named 'absent'"
    ):
        load_callable("model:train", pipeline(tmp_path, "x = 1\nimport absent"))


@pytest.mark.parametrize(("body", "problem"), [("x = 1\ny = 1/0", "ZeroDivisionError"), ("x = 1\ndef", "SyntaxError")])
def test_a_module_that_fails_is_refused_with_its_line(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"at {tmp_path}/model.py:2: {problem}"):
        load_callable("model:train", pipeline(tmp_path, body))


def test_a_function_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=rf"model:train failed at {tmp_path}/model.py:2: KeyError: 'price'"):
        call("model:train", pipeline(tmp_path, "def train(data):\n    return data['price']"), {})
