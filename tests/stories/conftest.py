"""The shop, opened: a folder, a Dagster instance, an audit log, and server processes that are stopped afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from retail import MODEL, PIPELINE, write_sales

DIRECT = """run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator"""
"""Runs start at once instead of waiting for a daemon to take them from its queue."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pipeline repository with the shop, and an environment that points to it."""
    root = tmp_path_factory.mktemp("repository")
    home = root / "pipelines" / "shop"
    home.mkdir(parents=True)
    (home / "pipeline.yaml").write_text(PIPELINE)
    (home / "model.py").write_text(MODEL)
    write_sales(home / "sales.csv")
    instance = (Path(__file__).parents[2] / "dagster.yaml").read_text()
    (root / "dagster.yaml").write_text(instance.replace("concurrency:\n  runs: {max_concurrent_runs: 4}", DIRECT))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MLMON_")] + ["SALES"]:
            patch.delenv(name, raising=False)
        patch.setenv("DAGSTER_HOME", str(root))
        patch.chdir(root)
        yield root


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[SimpleNamespace]:
    """The shop opened: `runner`, `governance`, `declared`, and the members who act."""
    from mlmon_dagster.cli._runner import Runner, open_instance, open_pipelines
    from mlmon_dagster.lifecycle.members import grant_role
    from mlmon_dagster.lifecycle.queries import live_deployments
    from mlmon_dagster.settings import read_settings

    settings = read_settings()
    with open_instance(settings) as instance:
        runner = Runner(open_pipelines(["shop"], settings), settings, instance)
        governance = runner.governance()
        for name, role in (
            ("ada", "admin"), ("mia", "ml_engineer"), ("paul", "production_team"), ("petra", "production_team"),
            ("sam", "model_sponsor"), ("mona", "monitoring_team"),
        ):  # fmt: skip
            grant_role(governance, name, role, actor="ada")
        yield SimpleNamespace(runner=runner, governance=governance, declared=runner.declared["shop"], folder=folder)
        for live in live_deployments(governance):
            target = runner.declared["shop"].pipeline.stages.model_deployment.environments[live.environment].target
            target.stop("shop", live.environment, live.id, settings)


@pytest.fixture(scope="module")
def in_dev(shop: SimpleNamespace) -> SimpleNamespace:
    """The shop with its reference ingested, its model registered and live in dev, and one judged window."""
    data = ["shop/data_ingestion", "shop/data_preparation", "shop/feature_store"]
    for report in (
        shop.runner.run(data, "2026-01-01", "2026-01-05"),
        shop.runner.run(["shop/model_registry", "shop/dev/model_deployment"]),
        shop.runner.run([*data, "shop/dev/model_inferencing_batch", "shop/dev/model_monitoring"], "2026-01-06"),
        shop.runner.run(["shop/dev/cicd_enforcement"]),
    ):
        assert report.succeeded, report.failures
    return shop
