"""Who carries out a promotion is killed at every single moment: it is carried out once all the same."""

import json
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import postgres
import pytest
from governed import Clock, Declared, changed, declared, deployed, governed, version
from sqlalchemy import event

from mlmon_dagster.adapters.database.opening import Database, open_database
from mlmon_dagster.errors import BlockedError
from mlmon_dagster.governance.deployments import Deployment
from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.governance.roles import MACHINE
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.governance import Governance
from mlmon_dagster.lifecycle.models import register_model
from mlmon_dagster.lifecycle.promotions import request_promotion
from mlmon_dagster.lifecycle.rollouts import Rollout
from mlmon_dagster.ports import Placement, Serving, Shift, Traffic

Moment = Callable[[], None]


@dataclass(frozen=True)
class Notebook:
    """A target outside of the database: what it is asked for is a line of a file, and stays when its caller dies."""

    file: str
    moment: Moment = lambda: None

    def start(self, placement: Placement, settings: Any) -> Serving:
        return self._done("start", placement)

    def switch(self, placement: Placement, settings: Any) -> Serving:
        return self._done("switch", placement)

    def shift(self, placement: Placement, shift: Shift, settings: Any) -> Serving:
        return self._done(f"shift {shift.share}", placement)

    def stop(self, pipeline: str, environment: str, deployment: str, settings: Any) -> None:
        raise AssertionError("nothing fails here")

    def traffic(self, pipeline: str, environment: str, settings: Any) -> list[Traffic]:
        return [Traffic(one, 2, "candidate", 10, "healthy") for one in {line[1] for line in self.lines()}]

    def live(self, pipeline: str, environment: str, settings: Any) -> None:
        return None

    def lines(self) -> list[tuple[str, str, int]]:
        file = Path(self.file)
        return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []

    def _done(self, what: str, placement: Placement) -> Serving:
        self.moment()
        with Path(self.file).open("a") as file:
            file.write(json.dumps([what, placement.deployment, placement.version.number]) + "\n")
        self.moment()
        address = f"http://127.0.0.1:9/{placement.deployment}"
        return Serving(placement.deployment, placement.version.number, placement.version.digest, address, "healthy")


def pipeline(target: Notebook) -> Declared:
    """With a canary in dev."""
    made = declared(target=target)
    told = {"strategy": "canary", "steps": (10, 100), "watch_seconds": 0, "target": target}
    dev = replace(made.pipeline.stages.model_deployment.dev, **told)  # type: ignore[type-var]
    return Declared(changed(made, "model_deployment", dev=dev).pipeline)


def carried_out(database: Database, target: Notebook) -> None:
    """What the deployment stage does: the promotion that waits, or the deployment that was cut off."""
    clock = Clock()
    governance = Governance(database.ledger, database.judgements, database.metrics, clock)
    one = pipeline(target)
    with governance.ledger.read() as reading:
        (asked,) = reading.find(Promotion, version=2)
    started = open_promotion(governance, one, asked.id)
    placement = Placement(started.id, "prices", "dev", version(2), started.strategy)
    way = Rollout(
        governance, started, placement, one.pipeline.stages.model_deployment.dev, None,  # type: ignore[arg-type]
        check=lambda serving: {}, log=lambda text: None, wait=lambda seconds: clock.pass_(seconds=seconds),
    )  # fmt: skip
    way.carry_out()


def until(url: str, file: str, moments: int) -> None:
    """A process that carries the promotion out and ends without a last word at the moment of that number."""
    left = [moments]

    def moment(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    database = open_database(url)
    for what in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(database.engine, what, moment)
    carried_out(database, Notebook(file, moment))


@pytest.fixture
def waiting(database_url: str, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Copies of a database in which version 1 is live and version 2 waits to be carried out."""
    database = open_database(database_url)
    one = pipeline(Notebook(str(tmp_path / "unused")))
    governance = governed(database, Clock())
    deployed(governance, one, "dev", 1)
    register_model(governance, one.pipeline, version(2), actor=MACHINE)
    request_promotion(governance, one, "dev", 2, actor="mia")
    database.close()
    if database_url.startswith("sqlite"):
        content = (tmp_path / "mlmon.db").read_bytes()

        def copied() -> str:
            for old in tmp_path.glob("copy*"):
                old.unlink()
            (tmp_path / "copy.db").write_bytes(content)
            return f"sqlite:///{tmp_path}/copy.db"

        yield copied
    else:
        server, _, name = database_url.rpartition("/")
        with postgres.copies(server, name) as made:
            yield made


def killed_at(url: str, file: Path, moments: int) -> bool:
    """Whether the process was killed, rather than done before that moment."""
    file.unlink(missing_ok=True)
    process = multiprocessing.get_context("fork").Process(target=until, args=(url, str(file), moments))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def kill_at_every(waiting: Callable[[], str], folder: Path, first: int, step: int) -> int:
    """How many moments there were."""
    moments = first
    while True:
        url, file = waiting(), folder / "asked"
        if not killed_at(url, file, moments):
            return moments
        if moments % 3 == 0:
            killed_at_again(url, file, moments)
        database, target = open_database(url), Notebook(str(file))
        with suppress(BlockedError):  # the one before had just finished
            carried_out(database, target)
        judged(database, target)
        database.close()
        moments += step


def killed_at_again(url: str, file: Path, moments: int) -> None:
    """The next one that takes it up dies too, somewhere."""
    kept = file.read_text() if file.exists() else ""
    process = multiprocessing.get_context("fork").Process(target=until, args=(url, str(file), moments // 3))
    process.start()
    process.join()
    assert not kept or file.read_text().startswith(kept)


def judged(database: Database, target: Notebook) -> None:
    with database.ledger.read() as reading:
        (asked,) = reading.find(Promotion, version=2)
        (one,) = reading.find(Deployment, promotion=asked.id)
        live = reading.find(Deployment, environment="dev", state="live")
        actions = Counter(line.entry.action for line in reading.entries(after=int(asked.id[10:]) - 1))
    assert asked.state == "deployed"
    assert [each.id for each in live] == [one.id]
    assert (actions["promotion.opened"], actions["deployment.started"], actions["deployment.succeeded"]) == (1, 1, 1)
    assert actions["deployment.advanced"] == 3
    lines = target.lines()
    assert {name for _, name, _ in lines} == {one.id}, "the target heard of one deployment"
    assert lines[-1][0] == "switch"
    database.ledger.verify()


def test_a_promoter_that_is_killed_at_any_moment_is_followed_by_one_that_ends_it(
    waiting: Callable[[], str], tmp_path: Path
) -> None:
    assert kill_at_every(waiting, tmp_path, first=2, step=9) > 60


@pytest.mark.slow
def test_a_promoter_may_be_killed_at_every_single_moment(waiting: Callable[[], str], tmp_path: Path) -> None:
    assert kill_at_every(waiting, tmp_path, first=0, step=1) > 60
