"""Every threat has its tests, and they are there."""

import ast
from pathlib import Path

import pytest
from threats import THREATS

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", THREATS)
def test_the_tests_that_answer_a_threat_are_there(name: str) -> None:
    for test in THREATS[name]:
        file, _, function = test.partition("::")
        tree = ast.parse((HERE / file).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not function or function in functions, test
