"""Folders of pipeline files, and what they refer to."""

from pathlib import Path

import pytest
from declared_text import TEXT, changed

from mlmon_dagster.adapters.pipelines import declare, load_pipeline, load_pipelines
from mlmon_dagster.adapters.references import missing_references
from mlmon_dagster.errors import InvalidPipelineError, MissingError


def write(folder: Path, path: str, text: str) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_pipelines_are_found_in_folders_and_files(tmp_path: Path) -> None:
    write(tmp_path, "a/pipeline.yaml", TEXT)
    write(tmp_path, "b.yaml", changed("pipeline: house_prices", "pipeline: b"))
    write(tmp_path, "a/other.yaml", "not read")
    write(tmp_path, ".hidden/pipeline.yaml", "not read")
    found = load_pipelines(tmp_path, {})
    assert {name: one.file.name for name, one in found.items()} == {"house_prices": "pipeline.yaml", "b": "b.yaml"}


def test_one_name_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a/pipeline.yaml", TEXT)
    write(tmp_path, "b/pipeline.yaml", TEXT)
    with pytest.raises(InvalidPipelineError, match=r"b/pipeline.yaml:1:1: .*declared in .*a/pipeline.yaml too"):
        load_pipelines(tmp_path, {})


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a/pipeline.yaml", changed("approvals: 2", "approvals: 1"))
    write(tmp_path, "b/pipeline.yaml", "- list")
    write(tmp_path, "c/pipeline.yaml", TEXT)
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipelines(tmp_path, {})
    assert [(Path(one.file).parent.name, one.code) for one in caught.value.problems] == [
        ("a", "POLICY_FLOOR"), ("b", "TYPE"),
    ]  # fmt: skip


def test_a_folder_that_is_missing_or_empty_says_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingError) as caught:
            load_pipelines(folder, {})
        assert "mlmon init" in (caught.value.hint or "")


def test_a_file_that_would_be_overlooked_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a/pipeline.yml", TEXT)
    with pytest.raises(InvalidPipelineError, match=r"ends in \.yaml"):
        load_pipelines(tmp_path, {})


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no pipeline file .*pipeline.yaml"):
        load_pipeline(tmp_path / "pipeline.yaml", {})


def test_the_digest_is_the_same_from_every_door_and_in_every_environment(tmp_path: Path) -> None:
    text = changed("team:pricing", "${OWNER:-team:pricing}")
    file = write(tmp_path, "pipeline.yaml", text)
    one = load_pipeline(file, {})
    assert one.digest == load_pipeline(file, {"OWNER": "team:other"}).digest
    assert one.digest == declare(one.body, file, {}).digest


def test_what_a_pipeline_refers_to_is_looked_for(tmp_path: Path) -> None:
    file = write(tmp_path, "house_prices/pipeline.yaml", TEXT)
    messages = [one.message for one in missing_references(load_pipeline(file, {}))]
    assert [message.split(":")[0] for message in messages] == [
        "stages.feature_store.features.score",
        "stages.model_registry.train",
        "stages.data_ingestion.source.path",
        "stages.model_monitoring.performance.labels.source.path",
    ]


def test_what_is_there_is_found_without_being_run(tmp_path: Path) -> None:
    file = write(tmp_path, "house_prices/pipeline.yaml", TEXT)
    write(tmp_path, "house_prices/data/sales.csv.gz", "")
    write(tmp_path, "house_prices/model.py", "raise SystemExit('run')\ndef train(data): ...\n")
    write(tmp_path, "house_prices/features.py", "from elsewhere import g as f\n")
    assert missing_references(load_pipeline(file, {})) == ()


def test_a_function_that_is_misspelt_is_answered_with_near_ones(tmp_path: Path) -> None:
    file = write(tmp_path, "house_prices/pipeline.yaml", TEXT)
    write(tmp_path, "house_prices/model.py", "def trian(data): ...\n")
    messages = [one.message for one in missing_references(load_pipeline(file, {}))]
    assert any("no function in model.py called 'train'; did you mean trian?" in message for message in messages)
