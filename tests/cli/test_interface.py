"""The Dagster UI that the demo starts: up once the pipelines are loaded; ended also where it does not listen."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlmon_dagster.cli import _interface
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.settings import read_settings

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.mark.parametrize("ours", [True, False])
def test_only_what_is_ours_is_ended_and_that_for_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    monkeypatch.setattr(_interface, "PATIENCE_SECONDS", 1)
    command = [sys.executable, "-c", DEAF, "mlmon_dagster" if ours else "another"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        (tmp_path / "dagster_ui.pid").write_text(str(process.pid))
        _interface.stop_interface(tmp_path / "demo")
        assert not (tmp_path / "dagster_ui.pid").exists()
        assert (process.poll() is None) is not ours or process.wait(5) == -9
        process.kill()


def test_a_dagster_that_answers_without_our_pipelines_is_not_called_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines = tmp_path / "pipelines"
    pipelines.mkdir()
    (pipelines / "shop.yaml").write_text("pipeline: shop\nstages: {data_ingestion: 7}\n")
    for name, value in (("MLMON_HOME", tmp_path / "home"), ("MLMON_PIPELINES", pipelines), ("DAGSTER_HOME", tmp_path)):
        monkeypatch.setenv(name, str(value))
    (tmp_path / "home").mkdir()
    try:
        with pytest.raises(UnavailableError, match=r"could not load the pipelines: .*shop"):
            _interface.start_interface(read_settings(), 0)
    finally:
        _interface.stop_interface(tmp_path / "home")
