"""The component door: the same body, the same assets, the same refusals."""

import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from retail import PIPELINE

from mlmon_dagster.adapters.pipelines import declare
from mlmon_dagster.components import PipelineComponent
from mlmon_dagster.errors import InvalidPipelineError


def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: dict[str, object]) -> dg.Definitions:
    monkeypatch.setenv("MLMON_HOME", str(tmp_path / "home"))
    package = tmp_path / "their_project"
    (package / "defs" / "shop").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "defs" / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "their_project"\n'
    )
    text = yaml.safe_dump({"type": "mlmon_dagster.PipelineComponent", "attributes": body})
    (package / "defs" / "shop" / "defs.yaml").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return dg.load_from_defs_folder(path_within_project=package)


def body() -> dict[str, object]:
    """The shop's file as a YAML reader of today gives it, its dates as text."""
    days = re.compile(r"(2026-[0-9]{2}-[0-9]{2})")
    return yaml.safe_load(days.sub(r"'\1'", PIPELINE.replace("${SALES:-sales.csv}", "sales.csv")))


def test_a_component_has_the_same_assets_and_its_own_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = project(tmp_path, monkeypatch, body())
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey(["shop", "prod", "model_deployment"]) in keys
    assert len(keys) == 19
    assert definitions.resolve_sensor_def("promotion_gate_shop").name == "promotion_gate_shop"


def test_a_mistake_in_a_component_is_refused_with_the_same_words() -> None:
    broken = body() | {"windows": "weekli"}
    component = PipelineComponent(**broken)  # type: ignore[arg-type]
    with pytest.raises(InvalidPipelineError, match="windows"):
        declare(component.model_dump(), Path("defs.yaml"), {})
