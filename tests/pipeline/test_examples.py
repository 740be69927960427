"""Every example of monitoring in the documentation is a declaration that is understood."""

import re
from pathlib import Path

import pytest
import yaml
from declared_text import TEXT

from mlmon_dagster.pipeline.parse import parse_pipeline

DOCS = Path(__file__).parents[2] / "docs"
LABELS = "{source: {use: file, path: labels.csv, key: [id]}, column: price, maturity: 14d}"

BLOCK = re.compile(r"```yaml\n(model_monitoring:\n.*?)```", re.DOTALL)
EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(BLOCK.findall(page.read_text()))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_documentation_is_understood_as_it_stands(example: str) -> None:
    whole = yaml.safe_load(TEXT)
    shown = yaml.safe_load(example.replace("{...}", LABELS))["model_monitoring"]
    monitoring = whole["stages"]["model_monitoring"] | shown
    if "season" in example:
        whole["windows"] = "hourly"
    prod = whole["stages"]["model_deployment"]["prod"]
    prod["gate"]["checks"] = list(monitoring["monitors"])[:1]
    whole["stages"]["model_monitoring"] = monitoring
    pipeline = parse_pipeline(yaml.safe_dump(whole, sort_keys=False), file="pipeline.yaml", environ={}).pipeline
    assert set(shown.get("monitors", {})) <= set(pipeline.stages.model_monitoring.monitors)


def test_there_are_examples_of_every_key_of_a_monitor_that_people_must_know() -> None:
    everything = "".join(text.values[0] for text in EXAMPLES)
    for key in ("alarm_budget", "persistence", "season", "segments", "engine", "estimate", "compatible", "threshold"):
        assert key in everything
