"""Starts the Dagster UI with its daemon, and our pages, as processes of their own; stops them by their pids."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.settings import Settings

START_SECONDS = 120
PATIENCE_SECONDS = 10
"""How long what is asked to end may take."""
DAGSTER, PAGES = "dagster_ui", "pages"
LOCATIONS = """
{workspaceOrError {... on Workspace {locationEntries {
    locationOrLoadError {... on PythonError {message errorChain {error {message}}}}
}}}}
"""
"""Asks Dagster what kept its code locations from loading; its server answers also without any of them."""


def start_interface(settings: Settings, port: int) -> str:
    """Starts `dagster dev` on 127.0.0.1 and returns its address once our definitions are loaded; another port if that
    one is in use."""
    address = f"http://127.0.0.1:{_free(port)}"
    home = os.environ.get("DAGSTER_HOME") or str(Path.cwd())
    given = {"DAGSTER_HOME": home, "MLMON_DAGSTER_URL": address}
    _start(settings, DAGSTER, ("dagster", "dev", "-m", "mlmon_dagster.definitions"), address, "/server_info", given)
    refusals = _not_loaded(address)
    if refusals:
        raise UnavailableError(f"Dagster could not load the pipelines: {refusals[0]}", hint=_log(settings, DAGSTER))
    return address


def start_pages(settings: Settings, port: int) -> str:
    """Starts `mlmon web` in the same way."""
    address = f"http://127.0.0.1:{_free(port)}"
    _start(settings, PAGES, ("mlmon_dagster", "web"), address, "/api/health/live", {})
    return address


def stop_interface(home: Path) -> None:
    """Stops what an earlier demo left running; only processes that are really ours."""
    for name in (DAGSTER, PAGES):
        file = _pid_file(home, name)
        if not file.exists():
            continue
        try:
            pid = int(file.read_text() or 0)
            words = Path(f"/proc/{pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b"mlmon_dagster"
            if b"mlmon_dagster" in words:
                _end(pid)
        except (OSError, ValueError):
            pass
        file.unlink(missing_ok=True)


def _end(group: int) -> None:
    """Ends the process group; one that does not listen (started in the background, Dagster ignores it) is killed."""
    os.killpg(group, signal.SIGTERM)
    for _ in range(PATIENCE_SECONDS * 10):
        time.sleep(0.1)
        os.killpg(group, 0)  # `ProcessLookupError` once nobody is left
    os.killpg(group, signal.SIGKILL)


def _start(
    settings: Settings, name: str, module: Sequence[str], address: str, probe: str, given: Mapping[str, str]
) -> None:
    import httpx

    log = settings.home / f"{name}.log"
    port = address.rpartition(":")[2]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, "--host", "127.0.0.1", "--port", port],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **given},
        )
    _pid_file(settings.home, name).write_text(str(process.pid))
    for _ in range(START_SECONDS * 2):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{address}{probe}", timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise UnavailableError(f"{name} did not start:\n{tail}", hint=_log(settings, name))


def _not_loaded(address: str) -> list[str]:
    """Of each code location that could not be loaded, why."""
    import httpx

    answer = httpx.post(f"{address}/graphql", json={"query": LOCATIONS}, timeout=START_SECONDS).raise_for_status()
    entries = answer.json()["data"]["workspaceOrError"]["locationEntries"]
    errors = [entry["locationOrLoadError"] for entry in entries if (entry["locationOrLoadError"] or {}).get("message")]
    return [[one["message"], *(link["error"]["message"] for link in one["errorChain"])][-1].strip() for one in errors]


def _log(settings: Settings, name: str) -> str:
    return f"the whole log: {settings.home / f'{name}.log'}"


def _pid_file(home: Path, name: str) -> Path:
    return home.parent / f"{name}.pid"


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
