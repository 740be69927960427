"""`mlmon demo --stop`: what the last demo left running ends, its state stays."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlmon_dagster.cli._interface import PAGES
from mlmon_dagster.cli.demo import command


def stop(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[int | None, str]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLMON_HOME", str(folder))  # undone after the test, as `stop` sets it
    found = CliRunner().invoke(command, ["--stop"], standalone_mode=False)
    return found.return_value, found.output or str(found.exception)


def test_what_runs_ends_and_its_state_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ".mlmon" / "demo"
    home.mkdir(parents=True)
    sleeping = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)", "mlmon_dagster"]
    with subprocess.Popen(sleeping, stdout=subprocess.PIPE, start_new_session=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n"
        (home.parent / f"{PAGES}.pid").write_text(str(running.pid))
        assert stop(monkeypatch, tmp_path) == (0, "stopped; its state stays in .mlmon/demo\n")
        assert running.wait(timeout=10) != 0
    assert home.is_dir()


def test_a_process_of_others_with_that_number_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ".mlmon" / "demo"
    home.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as other:
        (home.parent / f"{PAGES}.pid").write_text(str(other.pid))
        assert stop(monkeypatch, tmp_path)[0] == 0
        assert other.poll() is None
        other.kill()


def test_where_no_demo_was_there_is_nothing_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there was no demo here" in stop(monkeypatch, tmp_path)[1]
