"""The real daemon is killed while it deploys: each promotion is carried out once, and none is forgotten."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from mlmon_dagster.governance.promotions import Promotion
from mlmon_dagster.lifecycle.promotions import approve, request_promotion
from mlmon_dagster.lifecycle.queries import deployments, gate_verdict, live_deployment

QUICK = """\
from datetime import timedelta

from mlmon_dagster.sensors import deployments, gates

gates.AGAIN, deployments.SLACK = timedelta(seconds=40), timedelta(seconds=40)

from mlmon_dagster.definitions import defs
"""
"""The definitions as they are, with less patience: the daemon takes up in a minute what takes it minutes else."""

PATIENCE_SECONDS = 600


def daemon(folder: Path) -> "subprocess.Popen[bytes]":
    (folder / "quick.py").write_text(QUICK)
    command = [Path(sys.executable).parent / "dagster-daemon", "run", "-m", "quick"]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    with (folder / "daemon.log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True)


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.2)


def kill(one: "subprocess.Popen[bytes]") -> None:
    """The daemon, its code server and its runs, without a last word."""
    os.killpg(one.pid, signal.SIGKILL)
    one.wait()


def deployed_through_kills(shop: SimpleNamespace, environment: str, times: int, chance: random.Random) -> Promotion:
    asked = request_promotion(shop.governance, shop.declared, environment, None, actor="mia")
    for name in ("paul", "sam")[: 2 if environment == "prod" else 1]:
        approve(shop.governance, shop.declared, asked.id, actor=name)
    assert gate_verdict(shop.governance, shop.declared, asked).open
    for _ in range(times):
        running, before = daemon(shop.folder), shop.runner.instance.get_runs_count()
        until(lambda before=before: shop.runner.instance.get_runs_count() > before)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 12))
        kill(running)
    running = daemon(shop.folder)
    until(lambda: live_deployment(shop.governance, "shop", environment))
    kill(running)
    return asked


def carried_out_once(shop: SimpleNamespace, asked: Promotion) -> None:
    (one,) = [each for each in deployments(shop.governance, "shop") if each.promotion == asked.id]
    with shop.governance.ledger.read() as reading:
        lines = [*reading.entries(subject=asked.id), *reading.entries(subject=one.id)]
    actions = Counter(line.entry.action for line in lines)
    assert (actions["promotion.opened"], actions["deployment.started"], actions["deployment.succeeded"]) == (1, 1, 1)
    live = live_deployment(shop.governance, "shop", asked.environment)
    assert live is not None
    assert live.id == one.id
    assert httpx.get(f"{live.address}/health", timeout=30).json()["digest"] == asked.digest
    shop.governance.ledger.verify()


@pytest.mark.slow
def test_a_daemon_that_is_killed_again_and_again_carries_each_promotion_out_once(in_dev: SimpleNamespace) -> None:
    chance = random.Random(7)
    staging = deployed_through_kills(in_dev, "staging", 3, chance)
    watched = ["shop/staging/model_inferencing_batch", "shop/staging/model_monitoring"]
    assert in_dev.runner.run(watched, "2026-01-06").succeeded
    prod = deployed_through_kills(in_dev, "prod", 3, chance)
    for asked in (staging, prod):
        carried_out_once(in_dev, asked)
