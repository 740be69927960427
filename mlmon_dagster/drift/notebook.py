"""How profiles and what they measured look in a notebook: tables instead of nested records."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.histogram import label, number_text
from mlmon_dagster.drift.method import Measure


class Comparison(dict[str, dict[str, Measure]]):
    """Column -> method -> measure: a plain dictionary that a notebook shows as a table.

    >>> found = Comparison(price={"ks": Measure(0.5, 0.25)})
    >>> found["price"]["ks"].value, found._repr_html_().count("<tr>")
    (0.5, 2)
    """

    def _repr_html_(self) -> str:
        methods = list(dict.fromkeys(name for measures in self.values() for name in measures))
        rows = ([column, *(_measure(measures.get(name)) for name in methods)] for column, measures in self.items())
        return _table(["column", *methods], rows)


def profile_table(columns: Mapping[str, Column], rows: int) -> str:
    """A line for each column: kind, values, the least, the middle and the greatest of them."""
    lines = ([name, one.kind, f"{one.present:,}", f"{one.missing:,}", *_ends(one)] for name, one in columns.items())
    return f"<p>Profile of {rows:,} rows</p>" + _table(
        ["column", "kind", "values", "missing", "lowest", "median", "highest"], lines
    )


def _ends(column: Column) -> tuple[str, str, str]:
    if not column.present:
        return "", "", ""
    if column.kind == "categorical":
        return f"{len(column.values):,} different{' and others' if column.other else ''}", "", ""
    middle = int(np.searchsorted(column.ends[1:], (column.present + 1) // 2))
    low, half, high = (label(column.values[place].item(), column.kind) for place in (0, middle, -1))
    return low, half, high


def _measure(one: Measure | None) -> str:
    if one is None:
        return ""
    return number_text(one.value) + ("" if one.p_value is None else f" (p {one.p_value:.2g})")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
