"""Nobody, by any door, puts a version where it was not approved."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from mlmon_dagster.errors import BlockedError, DeniedError
from mlmon_dagster.lifecycle.alerts import raise_alert, resolve_alert
from mlmon_dagster.lifecycle.deployments import open_promotion
from mlmon_dagster.lifecycle.promotions import approve, reject, request_promotion
from mlmon_dagster.lifecycle.queries import deployments, gate_verdict, live_deployment, pending_promotions

BIN = Path(sys.executable).parent
DEPLOYMENT = 'key:"shop/prod/model_deployment"'


def entries(shop: SimpleNamespace) -> int:
    return shop.governance.ledger.verify()[0]


def withdraw(shop: SimpleNamespace) -> None:
    """Nothing waits any more: the tests of this file share one shop."""
    for waiting in pending_promotions(shop.governance, "shop"):
        reject(shop.governance, waiting.id, actor="paul", reason="the test is over")


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_materialising_a_deployment_without_a_promotion_fails_and_changes_nothing(
    in_dev: SimpleNamespace, environment: str
) -> None:
    before = entries(in_dev)
    report = in_dev.runner.run([f"shop/{environment}/model_deployment"])
    assert not report.succeeded
    assert "no promotion waits" in report.failures[f"shop/{environment}/model_deployment"]
    assert live_deployment(in_dev.governance, "shop", environment) is None
    assert entries(in_dev) == before


def test_a_requested_but_unapproved_promotion_is_refused_with_what_is_missing(in_dev: SimpleNamespace) -> None:
    request_promotion(in_dev.governance, in_dev.declared, "staging", None, actor="mia")
    before = entries(in_dev)
    report = in_dev.runner.run(["shop/staging/model_deployment"])
    assert "approval" in report.failures["shop/staging/model_deployment"]
    assert (live_deployment(in_dev.governance, "shop", "staging"), entries(in_dev)) == (None, before)
    withdraw(in_dev)


def test_dagster_asset_materialize_is_refused_as_well(in_dev: SimpleNamespace) -> None:
    before = entries(in_dev)
    done = subprocess.run(
        [BIN / "dagster", "asset", "materialize", "-m", "mlmon_dagster.definitions", "--select", DEPLOYMENT],
        capture_output=True, text=True, timeout=180, cwd=in_dev.folder,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no promotion waits for prod" in done.stdout + done.stderr
    assert (live_deployment(in_dev.governance, "shop", "prod"), entries(in_dev)) == (None, before)


def test_graphql_is_refused_as_well(in_dev: SimpleNamespace) -> None:
    before = entries(in_dev)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [BIN / "dagster-webserver", "-m", "mlmon_dagster.definitions", "-h", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=in_dev.folder, start_new_session=True,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/graphql"
        run = launch(url)
        assert wait(url, run) == "FAILURE"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    assert (live_deployment(in_dev.governance, "shop", "prod"), entries(in_dev)) == (None, before)


def launch(url: str) -> str:
    query = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
    selector = {
        "repositoryLocationName": "mlmon_dagster.definitions", "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB", "assetSelection": [{"path": ["shop", "prod", "model_deployment"]}],
    }  # fmt: skip
    for _ in range(120):
        try:
            answer = httpx.post(
                url, json={"query": query, "variables": {"p": {"selector": selector, "mode": "default"}}}, timeout=60
            )
            found = answer.json()["data"]["launchPipelineExecution"]
            assert found["__typename"] == "LaunchRunSuccess", json.dumps(answer.json())
            return found["run"]["runId"]
        except httpx.ConnectError:
            time.sleep(0.5)
    raise AssertionError("the webserver did not start")


def wait(url: str, run: str) -> str:
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    for _ in range(180):
        status = httpx.post(url, json={"query": query, "variables": {"id": run}}, timeout=60).json()["data"][
            "runOrError"
        ]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        time.sleep(0.5)
    return status


def test_an_open_alert_closes_the_gate_until_it_is_resolved(in_dev: SimpleNamespace) -> None:
    asked = request_promotion(in_dev.governance, in_dev.declared, "staging", None, actor="mia")
    approve(in_dev.governance, in_dev.declared, asked.id, actor="paul")
    assert gate_verdict(in_dev.governance, in_dev.declared, asked).open
    alert = raise_alert(
        in_dev.governance, in_dev.declared.pipeline, "dev", "inputs", window="2026-01-06", reason="drift"
    )
    assert not gate_verdict(in_dev.governance, in_dev.declared, asked).open
    with pytest.raises(BlockedError, match="alert"):
        open_promotion(in_dev.governance, in_dev.declared, asked.id)
    resolve_alert(in_dev.governance, alert.id, actor="mona", reason="looked into it")
    assert [one.name for one in gate_verdict(in_dev.governance, in_dev.declared, asked).unmet] == ["approvals"]
    approve(in_dev.governance, in_dev.declared, asked.id, actor="paul")
    assert gate_verdict(in_dev.governance, in_dev.declared, asked).open
    withdraw(in_dev)


def test_the_sensor_deploys_an_approved_promotion_exactly_once(in_dev: SimpleNamespace) -> None:
    asked = request_promotion(in_dev.governance, in_dev.declared, "staging", None, actor="mia")
    with pytest.raises(DeniedError):
        approve(in_dev.governance, in_dev.declared, asked.id, actor="mia")
    assert in_dev.runner.tick("promotion_gate") == []
    approve(in_dev.governance, in_dev.declared, asked.id, actor="paul")
    assert [report.succeeded for report in in_dev.runner.tick("promotion_gate")] == [True]
    live = live_deployment(in_dev.governance, "shop", "staging")
    assert live is not None
    assert httpx.get(f"{live.address}/health", timeout=10).json()["digest"] == live.digest
    assert in_dev.runner.tick("promotion_gate") == []
    assert in_dev.runner.run(["shop/staging/model_deployment"]).succeeded
    assert len([one for one in deployments(in_dev.governance, "shop") if one.environment == "staging"]) == 1


def test_prod_needs_two_people_and_takes_up_a_run_that_was_cut_off(in_dev: SimpleNamespace) -> None:
    watched = ["shop/staging/model_inferencing_batch", "shop/staging/model_monitoring"]
    assert in_dev.runner.run(watched, "2026-01-06").succeeded
    asked = request_promotion(in_dev.governance, in_dev.declared, "prod", None, actor="mia")
    approve(in_dev.governance, in_dev.declared, asked.id, actor="sam")
    assert in_dev.runner.tick("promotion_gate") == []
    approve(in_dev.governance, in_dev.declared, asked.id, actor="paul")
    started = open_promotion(in_dev.governance, in_dev.declared, asked.id)
    assert in_dev.runner.run(["shop/prod/model_deployment"]).succeeded
    live = live_deployment(in_dev.governance, "shop", "prod")
    assert live is not None
    assert (live.id, live.started_by) == (started.id, "machine:dagster")


def test_a_dead_server_is_started_again_by_the_deployment_stage(in_dev: SimpleNamespace) -> None:
    live = live_deployment(in_dev.governance, "shop", "dev")
    assert live is not None
    target = in_dev.declared.pipeline.stages.model_deployment.dev.target
    target.stop("shop", "dev", live.id, in_dev.runner.settings)
    before = entries(in_dev)
    assert in_dev.runner.run(["shop/dev/model_deployment"]).succeeded
    assert target.live("shop", "dev", in_dev.runner.settings).status == "healthy"
    assert entries(in_dev) == before
