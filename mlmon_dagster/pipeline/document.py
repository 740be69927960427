"""YAML text as a plain tree whose every key and value knows its place; what is ambiguous or tricky is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from mlmon_dagster.errors import Problem
from mlmon_dagster.pipeline.scalar import Refused, Value, fill, has_variable, read_plain
from mlmon_dagster.pipeline.text import describe, forbidden_character, read_text

Path = tuple[str | int, ...]

DEEPEST = 64
"""Levels of nesting at most."""

MOST = 100
"""Problems that are told at most; a file with more is something else."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Document:
    """A tree of mappings, lists and scalars, with the places of its keys and values by path."""

    body: dict[str, Any] = field(default_factory=dict)
    keys: dict[Path, Any] = field(default_factory=dict)
    """Path -> the mark of its key."""
    values: dict[Path, Any] = field(default_factory=dict)
    """Path -> the mark of its value."""
    variables: dict[Path, str] = field(default_factory=dict)
    """Path -> the text as declared, where environment variables were filled in."""
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False
    """Whether reading ended early: the tree is not whole."""

    def key_place(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the key that the path ends in."""
        return _place(self.keys[path]) if path in self.keys else self.place(path)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the value, or of the nearest thing around it that exists."""
        while path and path not in self.values:
            path = path[:-1]
        return _place(self.values[path]) if path in self.values else (1, 1)


def read_document(raw: bytes | str, environ: Mapping[str, str], late: tuple[Path, ...] = ()) -> Document:
    """One pass over the parser's events, without recursion; every problem it can go on after is collected.

    Refused: all but UTF-8, control characters, more than 256 KB or 64 levels, several documents, duplicate keys,
    anchors, aliases, merge keys, tags, keys that are not strings, numbers that are not finite, ambiguous or too
    large, unset variables, literal secrets. Below the paths `late`, variables stay as they are written.
    """
    document = Document()
    text = read_text(raw)
    if isinstance(text, Problem):
        document.problems.append(text)
        document.broken = True
        return document
    try:
        _Reader(document, environ, late).read(text)
    except _EndedError:
        document.broken = True
    except (yaml.YAMLError, ValueError) as error:  # the pure parser raises ValueError for escapes of no character
        document.problems.append(_syntax(error, text))
        document.broken = True
    return document


class _EndedError(Exception):
    """Reading cannot go on after the last problem."""


@dataclass
class _Level:
    """A mapping or list that is being filled; `key` is the key whose value comes next."""

    items: Any
    path: Path
    key: str | None = None
    skipped: bool = False


class _Reader:
    def __init__(self, document: Document, environ: Mapping[str, str], late: tuple[Path, ...]) -> None:
        self.document, self.environ, self.late = document, environ, late
        self.levels: list[_Level] = []
        self.documents = 0

    def read(self, text: str) -> None:
        for event in _events(text):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, {} if kind is yaml.MappingStartEvent else [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.levels.pop()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._start(event)
        if self.documents == 0:
            self._end("EMPTY", "the file is empty; expected a pipeline")

    def _start(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._end("MULTIDOC", "a second document starts here; expected one pipeline in a file", event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.anchor or event.tag:
            self._anchor_or_tag(event)
        if not self.levels:
            self._no_mapping(event)
        level = self.levels[-1]
        if isinstance(level.items, dict) and level.key is None:
            self._key(event, level)
            return
        path = self._path(level)
        self._put(level, path, self._value(event, path), event)

    def _key(self, event: yaml.ScalarEvent, level: _Level) -> None:
        key = event.value
        path = (*level.path, key)
        if not event.style and key == "<<":
            self._tell("MERGE", "merge keys (<<) are refused: write the keys out", event, path)
        elif not event.style and not isinstance(read_plain(key), str):
            self._tell("KEY", f"expected a name, got the key {_shown(key)}: quote it if it is one", event, path)
        elif event.style == '"' and forbidden_character(key):
            self._tell("CHAR", "a control character may not stand in a key", event, path)
        level.key, level.skipped = key, key in level.items
        if level.skipped:
            line, column = self.document.key_place(path)
            self._tell("DUPKEY", f"the key {_shown(key)} is already at {line}:{column}", event, path)
        else:
            self.document.keys[path] = event.start_mark

    def _value(self, event: yaml.ScalarEvent, path: Path) -> Value:
        text = event.value
        if event.style == '"' and (bad := forbidden_character(text)):
            self._tell("CHAR", f"{describe(bad[0])} may not stand in a pipeline file", event, path)
            return None
        filled: Value | Refused = self._filled(text, path) if has_variable(text) else text
        if isinstance(filled, str) and not event.style and not (text and not filled):
            filled = read_plain(filled)
        if isinstance(filled, Refused):
            self._tell(filled.code, filled.message, event, path)
            return None
        return filled

    def _filled(self, text: str, path: Path) -> str | Refused:
        if any(path[: len(late)] == late for late in self.late):
            return text
        self.document.variables[path] = text
        return fill(text, self.environ)

    def _open(self, event: Any, items: Any) -> None:
        if event.anchor or event.tag:
            self._anchor_or_tag(event)
        if len(self.levels) >= DEEPEST:
            self._end("DEPTH", f"nested more than {DEEPEST} levels deep", event)
        if not self.levels:
            if isinstance(items, list):
                self._no_mapping(event)
            self.document.body = items
            self.document.values[()] = event.start_mark
            self.levels.append(_Level(items, ()))
            return
        level = self.levels[-1]
        if isinstance(level.items, dict) and level.key is None:
            self._end("KEY", "expected a name as key, got a mapping or list", event)
        path = self._path(level)
        self._put(level, path, items, event)
        self.levels.append(_Level(items, path))

    def _alias(self, event: yaml.AliasEvent) -> None:
        message = f"aliases are refused (*{event.anchor}): write the value out"
        if not self.levels or (isinstance(self.levels[-1].items, dict) and self.levels[-1].key is None):
            self._end("ALIAS", message, event)
        level = self.levels[-1]
        path = self._path(level)
        self._tell("ALIAS", message, event, path)
        self._put(level, path, None, event)

    def _path(self, level: _Level) -> Path:
        return (*level.path, len(level.items) if isinstance(level.items, list) else str(level.key))

    def _put(self, level: _Level, path: Path, value: Any, event: Any) -> None:
        """The first of two equal keys stays."""
        if isinstance(level.items, list):
            level.items.append(value)
        elif not level.skipped:
            level.items[level.key] = value
        level.key = None
        self.document.values.setdefault(path, event.start_mark)

    def _anchor_or_tag(self, event: Any) -> None:
        path = self._path(self.levels[-1]) if self.levels and self.levels[-1].key is not None else ()
        if event.anchor:
            self._tell("ALIAS", f"anchors are refused (&{event.anchor}): write the value where it is used", event, path)
        if event.tag:
            self._tell(
                "TAG", f"tags are refused ({_shown(event.tag)}): a pipeline holds plain values only", event, path
            )

    def _no_mapping(self, event: Any) -> NoReturn:
        if isinstance(event, yaml.ScalarEvent) and not event.style and read_plain(event.value) is None:
            self._end("EMPTY", "the file is empty; expected a pipeline", event)
        came = "a list" if isinstance(event, yaml.SequenceStartEvent) else "a single value"
        self._end("TYPE", f"expected a mapping (pipeline: ..., stages: ...), got {came}", event)

    def _tell(self, code: str, message: str, event: Any = None, path: Path = ()) -> None:
        line, column = _place(event.start_mark) if event is not None else (1, 1)
        self.document.problems.append(Problem(code, message, line, column, path))
        if len(self.document.problems) >= MOST:
            raise _EndedError

    def _end(self, code: str, message: str, event: Any = None) -> NoReturn:
        self._tell(code, message, event)
        raise _EndedError


def _events(text: str) -> Iterator[Any]:
    """As `yaml.parse`, but asking once for each event: a third quicker."""
    loader = _Loader(text)
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            yield event
    finally:
        loader.dispose()


def _place(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _syntax(error: Exception, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "context", None) or str(error).splitlines()[0]
    line, column = _place(mark) if mark is not None else (1, 1)
    unquoted = mark is not None and has_variable("".join(text.split("\n")[max(line - 2, 0) : line]))
    more = "; inside { } and [ ], text with ${NAME} needs quotes" if unquoted else ""
    return Problem("SYNTAX", f"this is not YAML: {said}{more}", line, column)
