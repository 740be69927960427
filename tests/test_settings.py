"""E47: a variable that nothing reads is told by every process, with the nearest names, and stops none."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Office

import mlmon_dagster
from mlmon_dagster.settings import VARIABLES, unknown_variables

SOURCE = Path(mlmon_dagster.__file__).parent
DOCS = SOURCE.parent / "docs" / "settings.md"
SECRET = "canary-3f84d5b5b5470917"
MISSPELT = {"MLMON_DB_URL": SECRET}
TOLD = (
    "'MLMON_DB_URL' is set, but nothing reads a variable of this name; "
    "did you mean MLMON_WEB_URL or MLMON_URL or MLMON_DATABASE_URL?"
)


def test_every_variable_that_is_read_is_known_and_no_other() -> None:
    texts = [file.read_text(encoding="utf-8") for file in SOURCE.rglob("*.py") if file != SOURCE / "settings.py"]
    texts.append((SOURCE / "settings.py").read_text(encoding="utf-8").partition("@dataclass")[2])
    texts += [file.read_text(encoding="utf-8") for file in (SOURCE / "templates").glob("*.yaml")]
    read = {name for text in texts for name in re.findall(r"\bMLMON_[A-Z_]*[A-Z]\b", text)}
    assert read - {"MLMON_PIPLINES"} == set(VARIABLES)


def test_every_variable_is_in_the_documentation() -> None:
    assert set(re.findall(r"MLMON_[A-Z_]*[A-Z]", DOCS.read_text(encoding="utf-8"))) == set(VARIABLES)


def test_a_variable_that_another_one_refers_to_is_read() -> None:
    environ = {"MLMON_CHECKPOINT_KEY": "env:MLMON_PEM", "MLMON_PEM": SECRET}
    assert unknown_variables(environ) == ()
    assert len(unknown_variables({"MLMON_PEM": SECRET})) == 1


def test_a_name_that_is_like_none_leads_to_the_list() -> None:
    (told,) = unknown_variables({"MLMON_XQJ": SECRET})
    assert told.endswith("docs/settings.md lists all")


def test_a_command_tells_a_person_and_goes_on(tmp_path: Path) -> None:
    answer = Office(tmp_path)("members", "list", **MISSPELT)
    assert answer.code == 0
    assert f"Warning: {TOLD}" in answer.err
    assert SECRET not in answer.err + answer.out


def test_a_command_tells_a_program_in_a_document(tmp_path: Path) -> None:
    answer = Office(tmp_path)("members", "list", "--json", **MISSPELT)
    assert json.loads(answer.out) == []
    assert TOLD in json.loads(answer.err)["warning"]


def test_nothing_is_told_where_every_name_is_right(tmp_path: Path) -> None:
    assert Office(tmp_path)("members", "list", MLMON_LOG_NAME="mlmon/here").err == ""


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "import mlmon_dagster.definitions as one; one.defs()"],
        ["-c", "import mlmon_dagster.definitions as one; one.project_pricing"],
        ["-m", "mlmon_dagster.serving", "absent.json"],
        ["-m", "mlmon_dagster.routing", "absent"],
    ],
    ids=["dagster", "dagster-project", "serving", "routing"],
)
def test_a_server_process_tells_its_log(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "pipelines").mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLMON_")} | MISSPELT
    ended = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.stderr.count(TOLD) == 1
    assert SECRET not in ended.stderr
