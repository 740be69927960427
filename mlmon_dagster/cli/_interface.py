"""Starts the Dagster UI with its daemon as a process of its own, and stops it by its pid."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.settings import Settings

START_SECONDS = 120


def start_interface(settings: Settings, port: int) -> str:
    """Starts `dagster dev` on 127.0.0.1 and returns its address once it answers; another port if that one is in use."""
    import httpx

    port = _free(port)
    log = settings.home / "dagster_ui.log"
    home = os.environ.get("DAGSTER_HOME") or str(Path.cwd())
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "mlmon_dagster.definitions",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "DAGSTER_HOME": home, "MLMON_DAGSTER_URL": f"http://127.0.0.1:{port}"},
        )
    _pid_file(settings.home).write_text(str(process.pid))
    address = f"http://127.0.0.1:{port}"
    for _ in range(START_SECONDS * 2):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{address}/server_info", timeout=2).is_success:
                return address
        except httpx.HTTPError:
            time.sleep(0.5)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise UnavailableError(f"the Dagster UI did not start:\n{tail}", hint=f"the whole log: {log}")


def stop_interface(home: Path) -> None:
    """Stops the UI that an earlier demo left running; only if that process is really a Dagster of ours."""
    file = _pid_file(home)
    if not file.exists():
        return
    pid = int(file.read_text() or 0)
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b"mlmon_dagster"
        if b"mlmon_dagster" in words:
            os.killpg(pid, signal.SIGTERM)
    except (OSError, ValueError):
        pass
    file.unlink(missing_ok=True)


def _pid_file(home: Path) -> Path:
    return home.parent / "dagster_ui.pid"


def _free(port: int) -> int:
    """The port if it is free, else one that is."""
    for candidate in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
            return chosen
    raise UnavailableError("no port is free on 127.0.0.1")
