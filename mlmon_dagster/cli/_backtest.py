"""`mlmon drift backtest`: what a threshold, method or budget would have called drift, beside what was called."""

from typing import TYPE_CHECKING, Any

import click

from mlmon_dagster.cli import _output as output

if TYPE_CHECKING:
    from mlmon_dagster.adapters.pipelines import Declared
    from mlmon_dagster.assets.backtest import Change, Replayed
    from mlmon_dagster.assets.ports import Ports
    from mlmon_dagster.assets.stage import StageRun
    from mlmon_dagster.drift.persistence import Persistence

COLOURS = {"ok": "green", "drift": "bold red", "insufficient": "yellow", "no_data": "yellow", "error": "red"}


@click.command("backtest", short_help="Replay recorded windows with another threshold, method or budget.")
@click.argument("pipeline")
@click.option("--environment", metavar="NAME", help="Default: the last one that has recorded windows.")
@click.option("--monitor", metavar="NAME", help="Only this monitor (default: all it fits).")
@click.option("--method", metavar="NAME", help="Another drift method, or joint method, for monitors of such.")
@click.option("--threshold", type=float, help="Another threshold.")
@click.option("--alarm-budget", metavar="BUDGET", help="An alarm budget, such as '1 per quarter'.")
@click.option("--persistence", metavar="M/N", help="Drift only in M of N windows, such as 2/3.")
@click.option("--since", metavar="WINDOW", help="First window (its key).")
@click.option("--until", metavar="WINDOW", help="Last window (its key).")
@click.option("--all", "every", is_flag=True, help="Show every window, not only those that were or would be called.")
@output.json_option
def backtest(
    pipeline: str,
    environment: str | None,
    monitor: str | None,
    method: str | None,
    threshold: float | None,
    alarm_budget: str | None,
    persistence: str | None,
    since: str | None,
    until: str | None,
    every: bool,
    as_json: bool,
) -> int:
    """Judge the recorded windows of PIPELINE again and show what would have been called drift, beside what was.

    \b
    mlmon drift backtest house_prices
    mlmon drift backtest house_prices --monitor price_ks --threshold 0.1
    mlmon drift backtest house_prices --alarm-budget '1 per quarter' --persistence 2/3 --since 2015-01-05

    Nothing is recorded or changed. Without an option it shows what today's declaration would have called.
    """
    from mlmon_dagster.assets.backtest import environment_of, replay
    from mlmon_dagster.cli import _context as context

    change = _change(method, threshold, alarm_budget, persistence)
    settings, governance = context.open_governance()
    declared = context.declared_pipeline(settings, pipeline)
    ports = _ports(settings, governance)
    chosen = environment_of(declared.pipeline, ports, environment)
    for key in filter(None, (since, until)):
        declared.pipeline.windows.window(key)
    found = list(replay(_stage(declared, chosen, ports), ports, change, monitor, since, until))
    if as_json:
        output.document(
            {
                "pipeline": pipeline,
                "environment": chosen,
                "windows": [_row(one) for one in found],
                "recorded": sum(one.recorded == "drift" for one in found),
                "replayed": sum(one.verdict == "drift" for one in found),
            }
        )
    else:
        _show(found, chosen, every=every)
    return 0


def _ports(settings: Any, governance: Any) -> "Ports":
    from mlmon_dagster.adapters.local.object_store import FileObjectStore
    from mlmon_dagster.adapters.mlflow.registry import open_registry
    from mlmon_dagster.assets.ports import Ports
    from mlmon_dagster.lifecycle.outputs import Outputs

    return Ports(governance, Outputs(FileObjectStore(settings.store)), open_registry(settings), settings)


def _stage(declared: "Declared", environment: str, ports: "Ports") -> "StageRun":
    """Monitoring in that environment, for any window."""
    from mlmon_dagster.assets.stage import StageRun
    from mlmon_dagster.pipeline.stages import StageKey

    return StageRun(
        pipeline=declared.pipeline,
        key=StageKey(declared.pipeline.name, environment, "model_monitoring"),
        window=None,
        directory=declared.file.parent,
        settings=ports.settings,
        outputs=ports.outputs,
        now=ports.governance.now(),
        log=lambda text: None,
    )


def _change(method: str | None, threshold: float | None, alarm_budget: str | None, persistence: str | None) -> "Change":
    from mlmon_dagster.assets.backtest import Change
    from mlmon_dagster.drift.budget import AlarmBudget
    from mlmon_dagster.errors import MissingError
    from mlmon_dagster.plugins import names, unknown

    known = (*names("method"), *names("joint"))
    if method is not None and method not in known:
        raise MissingError(unknown("method", method, known))
    if threshold is not None and threshold <= 0:
        raise click.UsageError(f"--threshold: expected a distance above 0, got {threshold:g}")
    try:
        budget = None if alarm_budget is None else AlarmBudget.parse(alarm_budget)
    except ValueError as error:
        raise click.UsageError(f"--alarm-budget: {error}") from error
    return Change(method, threshold, budget, None if persistence is None else _persistence(persistence))


def _persistence(text: str) -> "Persistence":
    from mlmon_dagster.drift.persistence import Persistence

    windows, slash, of = text.partition("/")
    if not (slash and windows.isdecimal() and of.isdecimal() and 1 <= int(windows) <= int(of) <= 100):
        raise click.UsageError(f"--persistence: expected M/N such as 2/3, M at most N, got {text!r}")
    return Persistence(int(windows), int(of))


def _row(one: "Replayed") -> dict[str, Any]:
    return {
        "window": one.window,
        "monitor": one.monitor,
        "version": one.version,
        "rows": one.rows,
        "recorded": one.recorded,
        "replayed": one.verdict,
        "drifted": list(one.drifted),
        "columns": [
            {"column": drift.column, "segment": drift.segment, "method": drift.method, "value": _finite(drift.value),
             "threshold": _finite(drift.threshold), "verdict": drift.verdict}
            for drift in one.drifts
        ],
    }  # fmt: skip


def _finite(value: float | None) -> float | None:
    import math

    return value if value is not None and math.isfinite(value) else None


def _show(found: "list[Replayed]", environment: str, *, every: bool) -> None:
    from rich.text import Text

    calm = ("ok", None)
    shown = [one for one in found if every or one.verdict != "ok" or one.recorded not in calm]
    lines = [
        (
            one.window,
            one.monitor,
            f"{one.rows:,}",
            Text(one.recorded or "not judged", style=COLOURS.get(one.recorded or "", "")),
            Text(one.verdict, style=COLOURS[one.verdict]),
            _strongest(one),
        )
        for one in shown
    ]
    heads = ("window", "monitor", "rows", "recorded", "replayed", "largest distance to its threshold")
    windows = {one.window for one in found}
    title = f"{len(windows)} windows in {environment}, {min(windows)} to {max(windows)}"
    output.table(title, heads, lines, empty=f"{title}: nothing was called, and nothing would be")
    then = {(one.window, one.monitor) for one in found if one.recorded == "drift"}
    now = {(one.window, one.monitor) for one in found if one.verdict == "drift"}
    click.echo(
        f"\ndrift was called {len(then)} times and would be called {len(now)} times: "
        f"{len(then & now)} the same, {len(now - then)} new, {len(then - now)} no longer"
    )


def _strongest(one: "Replayed") -> str:
    """The column whose distance is largest beside its threshold."""
    measured = [drift for drift in one.drifts if drift.value is not None and drift.threshold]
    if not measured:
        return next((drift.reason for drift in one.drifts), "")
    worst = max(measured, key=lambda drift: float(drift.value or 0) / float(drift.threshold or 1))
    more = f", and {len(one.drifted) - 1} more" if len(one.drifted) > 1 else ""
    return f"{worst.title} {worst.method} {worst.value:.3g} / {worst.threshold:.3g}{more}"
