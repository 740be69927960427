"""`mlmon validate` as a person and as a program meet it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from declared_text import TEXT, changed

from mlmon_dagster.cli import group

HEAVY = {
    "dagster", "mlflow", "evidently", "pandas", "sklearn", "duckdb", "boto3", "sqlalchemy", "pyarrow", "scipy",
    "pandera", "fastapi", "httpx", "rich",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLMON_PIPELINES", raising=False)
    file = tmp_path / "pipelines" / "house_prices" / "pipeline.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(TEXT)
    return file


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["validate", *arguments], standalone_mode=False)


def test_a_valid_pipeline_is_counted(file: Path) -> None:
    result = validate()
    assert (result.return_value, result.exception) == (0, None)
    assert "ok: house_prices (8 stages, 3 environments, 2 monitors)" in result.output
    assert (
        "warning: pipelines/house_prices/pipeline.yaml: stages.model_registry.train: there is no module"
        in result.output
    )


def test_every_mistake_is_a_line_with_its_place(file: Path) -> None:
    file.write_text(changed("approvals: 2", "aprovals: 2"))
    result = validate(str(file))
    assert result.return_value == 1
    assert "error: pipelines/house_prices/pipeline.yaml:16:14: unknown key 'aprovals'" in result.output


def test_a_program_gets_a_document(file: Path) -> None:
    good = json.loads(validate("--json").output)
    assert (good["valid"], good["pipelines"][0]["pipeline"], good["problems"]) == (True, "house_prices", [])
    file.write_text(changed("approvals: 2", "approvals: 1"))
    bad = json.loads(validate("--json").output)
    assert (bad["valid"], bad["pipelines"]) == (False, [])
    assert [(one["code"], one["line"]) for one in bad["problems"]] == [("POLICY_FLOOR", 16)]


def test_several_paths_are_one_set_of_pipelines(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TEXT)
    result = validate("pipelines", str(other))
    assert result.return_value == 1
    assert "the pipeline house_prices is declared in pipelines/house_prices/pipeline.yaml too" in result.output


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_without_a_file_the_exit_code_is_2(path: str, tmp_path: Path) -> None:
    program = "import sys; from mlmon_dagster.cli import main; sys.argv = sys.argv[3:]; main()"
    command = [sys.executable, "-c", program, "-", "-", "mlmon", "validate", path]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "mlmon init" in result.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "--help"], ["validate"]])
def test_nothing_heavy_is_imported(arguments: list[str], file: Path) -> None:
    program = (
        "import json, sys; from mlmon_dagster.cli import group; "
        f"group.main({arguments!r}, prog_name='mlmon', standalone_mode=False); "
        "print('MODULES', json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=file.parents[2], capture_output=True, text=True, check=True
    )
    modules = set(json.loads(result.stdout.rpartition("MODULES ")[2]))
    assert not HEAVY & modules
