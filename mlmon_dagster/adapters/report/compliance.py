"""The page of a compliance report: verdicts of controls, what they rest on, and every entry of the span."""

from collections.abc import Iterable, Sequence
from html import escape

from mlmon_dagster.adapters.report.page import POLICY
from mlmon_dagster.adapters.report.style import STYLE
from mlmon_dagster.governance.audit import Entry
from mlmon_dagster.governance.compliance import Control, Span
from mlmon_dagster.governance.roles import ANYWHERE

CLASS = {"satisfied": "ok", "violated": "drift", "not exercised": "insufficient"}
MOST = 2000
"""Entries that are listed; the rest is counted."""


def compliance_page(span: Span, judged: Sequence[Control], entries: Sequence[Entry], verified: str) -> str:
    """The whole page; nothing in it is trusted, and it loads nothing."""
    where = "all projects" if span.project == ANYWHERE else f"project {span.project}"
    title = f"Controls of {span.pipeline or where}"
    facts = {
        "looked at": f"{where}{f', pipeline {span.pipeline}' if span.pipeline else ''}",
        "from": f"{span.since:%Y-%m-%d %H:%M} UTC",
        "until": f"{span.until:%Y-%m-%d %H:%M} UTC",
        "audit log": verified,
        "entries": f"{len(entries)}, by {len({entry.actor for entry in entries})} people and machines",
    }
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY, quote=True)}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    described = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    bad = [one for one in judged if one.verdict == "violated"]
    said = f"{len(bad)} of {len(judged)} controls are violated" if bad else "No control is violated"
    kind = "drift" if bad or verified.startswith("NOT") else "ok"
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>'
        f'<header><h1>{escape(title)}</h1><p class="verdict {kind}">{escape(said)}</p><dl>{described}</dl></header>'
        f"<main>{_controls(judged)}{''.join(map(_evidence, judged))}{_entries(entries)}</main>{FOOTER}</body></html>\n"
    )


FOOTER = (
    '<footer class="soft"><p>The verdicts follow from the audit log alone. The requirements that a control supports '
    "are named for orientation; whether an organisation complies with them is for its auditors to say.</p></footer>"
)


def _controls(judged: Iterable[Control]) -> str:
    rows = "".join(
        f"<tr><td>{_title(one)}</td>"
        f'<td class="verdict {CLASS[one.verdict]}">{escape(one.verdict)}</td>'
        f"<td>{escape(one.said)}</td><td>{escape(', '.join(one.supports))}</td></tr>"
        for one in judged
    )
    return _table("Controls", ("control", "verdict", "what the log says", "supports"), rows)


def _title(one: Control) -> str:
    title = escape(one.title)
    return f'<a href="#{escape(one.id)}">{title}</a>' if one.evidence else title


def _evidence(one: Control) -> str:
    if not one.evidence:
        return ""
    listed = "".join(f"<li>{escape(id)}</li>" for id in one.evidence)
    return (
        f'<article id="{escape(one.id)}"><header><h3>{escape(one.title)}</h3>'
        f'<span class="verdict {CLASS[one.verdict]}">{escape(one.verdict)}</span></header>'
        f"<details><summary>{len(one.evidence)} record{'s' * (len(one.evidence) != 1)}</summary>"
        f"<ul>{listed}</ul></details></article>"
    )


def _entries(entries: Sequence[Entry]) -> str:
    cells = (
        (
            str(entry.seq),
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            f"{entry.actor} ({entry.role})",
            entry.action,
            entry.subject,
            entry.environment or "",
            str(entry.data.get("reason") or ""),
        )
        for entry in entries[:MOST]
    )
    rows = "".join(
        f'<tr><td class="number">{number}</td><td class="time">{escape(at)}</td>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in others)}</tr>"
        for number, at, *others in cells
    )
    more = f'<p class="soft">and {len(entries) - MOST} more</p>' if len(entries) > MOST else ""
    heads = ("entry", "at (UTC)", "who", "action", "of what", "environment", "reason")
    return _table("What happened", heads, rows) + more


def _table(title: str, heads: Iterable[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    return (
        f'<section><h2>{escape(title)}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )
