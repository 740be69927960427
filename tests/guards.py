"""The guards of promotions, approvals, gates and deployments, found in the source, and the code without one of them.

A guard is a refusal (`raise`, or a call of something that refuses), a permission that is asked for, a condition of a
gate, or a clause of a rule. They are found, not listed: one that is added is here at once, and the tests ask who would
miss it.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from mlmon_dagster.governance import gates, overrides, promotions, roles
from mlmon_dagster.lifecycle import deployments, governance, once, projects, rollbacks
from mlmon_dagster.lifecycle import overrides as breaking
from mlmon_dagster.lifecycle import promotions as requests

MODULES: tuple[ModuleType, ...] = (requests, deployments, breaking, rollbacks, gates, promotions, overrides)
"""Every function in them is looked through."""

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    roles.permit,
    governance.acting,
    once.Once.__init__,
    projects.refuse_closed,
)

BROKEN = (AssertionError, AttributeError, KeyError, NameError, TypeError, SQLAlchemyError)
"""How it shows that a guard is missing: the judge's verdict, or a program that no longer knows what to do."""

Remove = Callable[[], None]


@dataclass(frozen=True)
class Guard:
    """One guard: the function it stands in, what stands there, and which of the function's guards it is."""

    function: Callable[..., Any]
    said: str
    place: int

    def __str__(self) -> str:
        return f"{self.function.__name__}: {self.said}"


def guards() -> dict[str, Guard]:
    """Every guard there is, by what it says."""
    own = [
        function
        for module in MODULES
        for function in vars(module).values()
        if inspect.isfunction(function) and function.__module__ == module.__name__
    ]
    found = [
        Guard(function, said, place)
        for function in (*own, *FUNCTIONS)
        for place, (said, _) in enumerate(_places(_tree(function)))
    ]
    return {str(one): one for one in found}


@contextmanager
def without(*removed: Guard) -> Iterator[None]:
    """The code as if nobody had written the guards; whoever imported the functions has them so too."""
    with ExitStack() as back:
        for guard in removed:
            function = inspect.unwrap(guard.function)
            tree = _tree(guard.function)
            _places(tree)[guard.place][1]()
            ast.fix_missing_locations(tree)
            made: dict[str, Any] = {}
            exec(compile(tree, inspect.getfile(function), "exec"), function.__globals__, made)  # noqa: S102, our source
            back.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = inspect.unwrap(made[function.__name__]).__code__
        yield


def _tree(function: Callable[..., Any]) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))


def _places(tree: ast.Module) -> list[tuple[str, Remove]]:
    """What each guard says, and how it is taken out of the tree."""
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    places = list(_refusals(function, ""))
    if function.name == "evaluate_gate":
        places += _elements(function)
    elif function.name in ("counting", "in_force"):
        places += _clauses(function)
    elif function.name in ("_passed", "_unchanged", "_checks", "_approvals"):
        places += _findings(function)
    return places


def _refusals(node: ast.AST, why: str) -> Iterator[tuple[str, Remove]]:
    """Refusals and permissions, each with the condition it stands under."""
    for name, value in ast.iter_fields(node):
        inner = f" if {ast.unparse(node.test)}" if isinstance(node, ast.If) and name == "body" else why
        for place, child in enumerate(value) if isinstance(value, list) else ():
            said = _refusal(child)
            if said:
                yield said + inner, lambda at=value, place=place: at.__setitem__(place, ast.Pass())
            elif isinstance(child, ast.AST):
                yield from _permission(child, value, place)
                yield from _refusals(child, inner)
        if isinstance(value, ast.AST):
            yield from _permission(value, node, name)
            yield from _refusals(value, inner)


def _refusal(node: object) -> str | None:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        said = ast.unparse(node.exc.func)
        return None if said == "MissingError" else said
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and "refuse" in ast.unparse(node.value.func):
        return ast.unparse(node.value)
    if isinstance(node, ast.If) and ast.unparse(node.body[0]) == "return _under_way(books, asked)":
        return "what is no longer pending is not opened"
    return None


def _permission(node: ast.AST, at: Any, place: int | str) -> Iterator[tuple[str, Remove]]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "permit":

        def remove() -> None:
            granted = ast.Constant("admin")
            if isinstance(place, int):
                at[place] = granted
            else:
                setattr(at, place, granted)

        yield f"permit {ast.unparse(node.args[1])}", remove


def _elements(function: ast.FunctionDef) -> Iterator[tuple[str, Remove]]:
    for node in ast.walk(function):
        for one in node.elts if isinstance(node, ast.List) else ():
            yield ast.unparse(one), lambda node=node, one=one: node.elts.remove(one)


def _clauses(function: ast.FunctionDef) -> Iterator[tuple[str, Remove]]:
    for node in ast.walk(function):
        clauses = node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) else []
        for place, one in enumerate(clauses):
            yield ast.unparse(one), lambda at=clauses, place=place: at.__setitem__(place, ast.Constant(True))


def _findings(function: ast.FunctionDef) -> Iterator[tuple[str, Remove]]:
    """What makes a condition unmet: a `False` or a comparison that is returned, a change noted, a whole condition."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            verdict = node.value.elts
            yield f"return {ast.unparse(node.value)[:60]}", lambda at=verdict: at.__setitem__(0, ast.Constant(True))
        for body in (getattr(node, name, None) for name in ("body", "orelse")):
            for place, one in enumerate(body) if isinstance(body, list) else ():
                said = ast.unparse(one).splitlines()[0]
                if said.startswith("changed.append") or (isinstance(one, ast.If) and _yields(one)):
                    yield said[:60], lambda at=body, place=place: at.__setitem__(place, ast.Pass())


def _yields(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Yield) for one in ast.walk(node))
