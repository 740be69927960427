"""The demo's story: one model from its first week of data to production, with a real shift in between."""

import gzip
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from mlmon_dagster.cli._interface import start_interface, start_pages, stop_interface
from mlmon_dagster.cli._runner import Runner, RunReport, open_instance, open_pipelines
from mlmon_dagster.cli._story import Story
from mlmon_dagster.errors import BlockedError, DeniedError, FailedError, MissingError
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.lifecycle.alerts import resolve_alert
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.members import grant_role
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.lifecycle.queries import gate_verdict, live_deployment, live_deployments, open_alerts
from mlmon_dagster.pipeline.stages import BATCH, REALTIME
from mlmon_dagster.pipeline.windows import day
from mlmon_dagster.settings import Settings, read_settings

PIPELINE = "house_prices"
CALM_WEEKS = 6
"""Weeks after the reference that are monitored before the feed changes."""

LUXURY = (
    "98039", "98004", "98040", "98112", "98005", "98006", "98119", "98075", "98109", "98102", "98199", "98033",
)  # fmt: skip
"""The twelve zip codes with the highest median price."""

PAGES_PORT = 8000

FEED = "HOUSE_SALES"
"""Variable in the pipeline file that says where sales are read from."""

CAST = {
    "ada": "admin",
    "mia": "ml_engineer",
    "paul": "production_team",
    "petra": "production_team",
    "mona": "monitoring_team",
    "sam": "model_sponsor",
}
"""Who acts in the story, and in which role."""

SHARED = [f"{PIPELINE}/{stage}" for stage in ("data_ingestion", "data_preparation", "feature_store")]


def tell(*, exits: bool, port: int) -> int:
    """Tells the story; afterwards the Dagster UI stays, unless `exits`."""
    home = _home()
    os.environ.pop(FEED, None)
    settings = read_settings()
    if not (settings.pipelines / PIPELINE).is_dir():
        raise MissingError(
            f"the demo's pipeline is not at {settings.pipelines / PIPELINE}",
            hint="run the demo in a clone of the repository; for a pipeline of your own: mlmon init DIR",
        )
    stop_interface(home)
    story = Story(chapters=11)
    story.console.print("[bold]mlmon: the life of one model[/], on 21,613 real house sales of King County, 2014-2015")
    with ExitStack() as stack:
        with story.chapter("Open: a fresh home for audit log, models and windows"):
            _forget(home)
            instance = stack.enter_context(open_instance(settings))
            runner = Runner(open_pipelines([PIPELINE], settings), settings, instance)
            demo = Demo(story, runner, runner.governance())
            story.good(f"{len(runner.keys)} assets of one YAML file: 8 stages, 3 environments")
        demo.tell()
        demo.close(exits=exits)
    story.times()
    if not exits:
        password = _let_in(settings)
        pages, address = start_pages(settings, PAGES_PORT), start_interface(settings, port)
        story.console.print(f"\nOur pages run at [bold]{pages}[/] (gates, approvals, alerts, audit log): log in as")
        story.console.print(f"{', '.join(CAST)} with the password [bold]{password}[/]", highlight=False)
        story.console.print(f"The Dagster UI runs at [bold]{address}[/] (lineage, runs, checks with plots).")
        story.console.print(f"Look around: MLMON_HOME={os.path.relpath(home)} mlmon deployments | alerts | audit list")
        story.console.print("Stop all of it with: [bold]mlmon demo --stop[/]")
    return 0


def stop() -> int:
    """Stops pages, Dagster UI and servers of the last demo."""
    home = _home()
    if not home.is_dir():
        raise MissingError(f"there was no demo here: {home} does not exist", hint="run this where the demo was run")
    stop_interface(home)
    _stop_servers(home)
    click.echo(f"stopped; its state stays in {os.path.relpath(home)}")
    return 0


def _home() -> Path:
    """Where the demo keeps its state, from now on this process's home."""
    home = Path.cwd() / ".mlmon" / "demo"
    os.environ["MLMON_HOME"] = str(home)
    return home


def _let_in(settings: Settings) -> str:
    """Gives everybody of the story an account, with one password that is made up here."""
    from mlmon_dagster.lifecycle.identity import Identity, add_account
    from mlmon_dagster.resources.governance import open_office

    office, password = open_office(settings), secrets.token_urlsafe(12)
    identity = Identity(office.governance, office.database.credentials)
    for name in CAST:
        add_account(identity, name, password, actor="ada")
    return password


def _forget(home: Path) -> None:
    """Stops the servers of an earlier demo and removes its state."""
    _stop_servers(home)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)


def _stop_servers(home: Path) -> None:
    if (home / "mlmon.db").exists():
        from mlmon_dagster.adapters.targets.local import Local

        for environment in ("dev", "staging", "prod"):
            live = Local().live(PIPELINE, environment, read_settings())
            if live is not None:
                Local().stop(PIPELINE, environment, live.deployment, read_settings())


class Demo:
    """The chapters after the first."""

    def __init__(self, story: Story, runner: Runner, governance: Governance) -> None:
        self.story, self.runner, self.governance = story, runner, governance
        self.declared = runner.declared[PIPELINE]
        windows = self.declared.pipeline.windows
        until = day(self.declared.pipeline.stages.model_registry.reference.until)
        self.reference = [window.key for window in windows.between(windows.first, until)]
        self.calm = [window.key for window in windows.between(until, until + timedelta(weeks=CALM_WEEKS))]
        self.shifted = windows.at(until + timedelta(weeks=CALM_WEEKS)).key

    def tell(self) -> None:
        """Every chapter in order."""
        self.ingest()
        self.register()
        self.deploy_to_dev()
        self.watch_calm_weeks()
        self.see_the_shift()
        self.be_refused()
        self.repair_and_resolve()
        self.promote_to_staging()
        self.promote_to_prod()

    def ingest(self) -> None:
        """Reference windows through the three data stages, in one run."""
        with self.story.chapter(f"Ingest: {len(self.reference)} weeks of sales, checked row by row"):
            report = self._run(SHARED, self.reference[0], self.reference[-1])
            made = report.metadata
            series = self.governance.metrics.series
            rows = sum(one.value for one in series(PIPELINE, None, "rows") if one.stage == "feature_store")
            aside = sum(one.value for one in series(PIPELINE, None, "invalid"))
            self.story.good(f"{rows:,.0f} sales became versioned windows with features ({len(made)} stages)")
            self.story.good(f"{aside:.0f} impossible ones were set aside with a reason, none was dropped")

    def register(self) -> None:
        """Trains once and registers the version with its reference profile."""
        with self.story.chapter("Train once: register the model with its reference profile in MLflow"):
            made = self._run([f"{PIPELINE}/model_registry"]).metadata[f"{PIPELINE}/model_registry"]
            self.story.good(f"version {made['version']}, digest {made['digest'][:12]}")
            mae = self.governance.metrics.latest(PIPELINE, None)["performance.mae"].value
            self.story.good(f"on weeks it had not seen the price is off by {mae:,.0f} dollars on average")

    def deploy_to_dev(self) -> None:
        """Dev asks for no approval; a real server process answers."""
        with self.story.chapter("Deploy to dev: a real server process, health-checked"):
            for name, role in CAST.items():
                grant_role(self.governance, name, role, actor="ada")
            self._run([f"{PIPELINE}/dev/model_deployment", f"{PIPELINE}/dev/{REALTIME}"])
            live = self._live("dev")
            answer = self._ask(live.address)
            self.story.good(f"version {live.version} answers at {live.address}")
            score = f"drift score {answer['drift_score']:.2f} ({answer['band']})"
            self.story.good(f"one house: {answer['prediction']:,.0f} dollars, {score}")

    def watch_calm_weeks(self) -> None:
        """Score and judge the weeks after the reference: they must stay green."""
        with self.story.chapter(f"Watch: {CALM_WEEKS} ordinary weeks are scored and judged"):
            report = self._watch("dev", self.calm[0], self.calm[-1], shared=True)
            judged = [check for check in report.checks if check.window and "model_monitoring" in check.stage]
            red = [f"{check.window} {check.name}: {check.reason}" for check in judged if not check.passed]
            if red:
                raise FailedError(f"the calm weeks should be green: {'; '.join(red)}")
            self.story.good(f"{len(judged)} checks over {len(self.calm)} weeks, all green: no false alarm")

    def see_the_shift(self) -> None:
        """The feed suddenly carries only the sales of the luxury zip codes."""
        with self.story.chapter("A real shift: the feed now carries only the luxury zip codes"):
            with luxury_feed(self.runner):
                report = self._watch("dev", self.shifted, None, shared=True, must_pass=False)
            for check in report.checks:
                if "model_monitoring" in check.stage and not check.passed:
                    self.story.stop(f"{check.name}: {_shorten(check.reason)}")
            asked = self.runner.tick("drift_alerts")
            for alert in open_alerts(self.governance, PIPELINE):
                self.story.stop(f"{alert.id} is open: {alert.check} of week {alert.window}")
            if not asked or not open_alerts(self.governance, PIPELINE):
                raise FailedError("the shift was not seen")

    def be_refused(self) -> None:
        """The promotion to staging meets a closed gate, by every door."""
        with self.story.chapter("Be refused: mia asks for staging, the gate is closed"):
            asked = request_promotion(self.governance, self.declared, "staging", None, actor="mia")
            verdict = gate_verdict(self.governance, self.declared, asked)
            for condition in verdict.unmet:
                self.story.stop(f"{condition.name}: {_shorten(condition.detail)}")
            if verdict.open:
                raise FailedError("the gate should be closed while an alert is open")
            report = self.runner.run([f"{PIPELINE}/staging/model_deployment"])
            if report.succeeded or live_deployment(self.governance, PIPELINE, "staging"):
                raise FailedError("the deployment stage should have refused")
            self.story.good("materialising the deployment directly is refused as well, and changed nothing")

    def repair_and_resolve(self) -> None:
        """The feed is repaired, the week is run again, and mona resolves the alerts."""
        with self.story.chapter("Repair: the feed is whole again, the week is run again, mona resolves the alerts"):
            self._watch("dev", self.shifted, None, shared=True)
            self.story.good(f"week {self.shifted} was replaced as a whole and is green")
            for alert in open_alerts(self.governance, PIPELINE):
                resolve_alert(
                    self.governance, alert.id, actor="mona", reason="the feed was filtered by mistake; repaired"
                )
                self.story.good(f"{alert.id} resolved by mona")
            self._run([f"{PIPELINE}/dev/cicd_enforcement"])

    def promote_to_staging(self) -> None:
        """One approval, and the promotion sensor asks for the deployment."""
        with self.story.chapter("Promote to staging: one approval, a canary, the sensor opens the gate"):
            asked = request_promotion(self.governance, self.declared, "staging", None, actor="mia")
            self._denied("mia may not approve what she asked for", asked.id, "mia")
            approve(self.governance, self.declared, asked.id, actor="petra")
            self.story.good(f"petra approved {asked.id}")
            self._opened("staging")
            self._watch("staging", self.shifted, None)
            self._run([f"{PIPELINE}/staging/{REALTIME}"])
            self._run([f"{PIPELINE}/staging/cicd_enforcement"])

    def promote_to_prod(self) -> None:
        """Two approvals of distinct people, one of them of the production team; the machine deploys."""
        with self.story.chapter("Promote to prod: two people approve, the machine deploys"):
            asked = request_promotion(self.governance, self.declared, "prod", None, actor="mia")
            approve(self.governance, self.declared, asked.id, actor="sam")
            if gate_verdict(self.governance, self.declared, asked).open:
                raise FailedError("one approval must not open prod")
            self.story.stop("one approval (sam, the sponsor) does not open prod")
            approve(self.governance, self.declared, asked.id, actor="paul")
            self.story.good("paul of the production team approved as well")
            self._opened("prod")
            self._watch("prod", self.shifted, None)
            self._run([f"{PIPELINE}/prod/{REALTIME}", f"{PIPELINE}/prod/cicd_enforcement"])
            self.story.good(f"prod answers: {self._ask(self._live('prod').address)['prediction']:,.0f} dollars")

    def close(self, *, exits: bool) -> None:
        """The audit log is verified; with `exits` the servers are stopped."""
        with self.story.chapter("Account for it: the audit log is verified from the first entry to the last"):
            length, last = self.governance.ledger.verify()
            self.story.good(f"{length} entries, unbroken chain, head {last[:12]}")
            for live in live_deployments(self.governance, PIPELINE):
                self.story.good(
                    f"{live.environment:8} version {live.version} at {live.address} since {live.started_at:%H:%M:%S}"
                )
            if exits:
                with ThreadPoolExecutor() as pool:
                    list(pool.map(self._stop, live_deployments(self.governance, PIPELINE)))
                self.story.good("the servers were stopped (--exit)")

    def _stop(self, live: Deployment) -> None:
        target = self.declared.pipeline.stages.model_deployment.environments[live.environment].target
        target.stop(PIPELINE, live.environment, live.id, self.runner.settings)

    def _opened(self, environment: str) -> None:
        """Ticks the promotion sensor, as the daemon does every 30 seconds, and shows what it started."""
        reports = self.runner.tick("promotion_gate")
        live = live_deployment(self.governance, PIPELINE, environment)
        if live is None:
            raise FailedError(
                "; ".join(reason for report in reports for reason in report.failures.values()) or "no gate opened"
            )
        self.story.good(
            f"the sensor saw the open gate: {live.id} put version {live.version} into {environment} ({live.strategy})"
        )

    def _denied(self, text: str, promotion: str, actor: str) -> None:
        try:
            approve(self.governance, self.declared, promotion, actor=actor)
        except DeniedError:
            self.story.stop(text)
            return
        raise FailedError(f"should have been denied: {text}")

    def _watch(
        self, environment: str, first: str, last: str | None, *, shared: bool = False, must_pass: bool = True
    ) -> RunReport:
        stages = (SHARED if shared else []) + [
            f"{PIPELINE}/{environment}/{name}" for name in (BATCH, "model_monitoring")
        ]
        return self._run(stages, first, last if last != first else None, must_pass=must_pass)

    def _run(
        self, stages: list[str], first: str | None = None, last: str | None = None, *, must_pass: bool = True
    ) -> RunReport:
        report = self.runner.run(stages, first, last)
        if must_pass and not report.succeeded:
            raise FailedError("; ".join(f"{stage}: {reason}" for stage, reason in report.failures.items()))
        return report

    def _live(self, environment: str) -> Deployment:
        live = live_deployment(self.governance, PIPELINE, environment)
        if live is None:
            raise BlockedError(f"nothing is live in {environment}")
        return live

    def _ask(self, address: str) -> dict[str, Any]:
        import httpx

        house = {
            "bedrooms": 3, "bathrooms": 2.0, "sqft_living": 1900, "sqft_lot": 7500, "floors": 1.0, "waterfront": 0,
            "view": 0, "condition": 3, "grade": 7, "age": 40, "location_score": 7.0,
        }  # fmt: skip
        answer: dict[str, Any] = httpx.post(f"{address}/predict", json=house, timeout=10).raise_for_status().json()
        return answer


@contextmanager
def luxury_feed(runner: Runner) -> Iterator[None]:
    """For a while the pipeline's source is a file with the sales of the luxury zip codes only."""
    import csv

    source = runner.declared[PIPELINE].file.parent / "data" / "king_county_house_sales.csv.gz"
    feed = runner.settings.home / "luxury_sales.csv.gz"
    with gzip.open(source, "rt", newline="") as every, gzip.open(feed, "wt", newline="") as few:
        rows = csv.DictReader(every)
        writer = csv.DictWriter(few, rows.fieldnames or [])
        writer.writeheader()
        writer.writerows(row for row in rows if row["zipcode"] in LUXURY)
    os.environ[FEED] = str(feed)
    try:
        runner.reload(open_pipelines([PIPELINE], runner.settings))
        yield
    finally:
        del os.environ[FEED]
        runner.reload(open_pipelines([PIPELINE], runner.settings))


def _shorten(text: str, longest: int = 150) -> str:
    return text if len(text) <= longest else text[:longest].rsplit(" ", 1)[0] + " ..."
