"""One server process of the local target: started apart from its starter, known by its lock, ended with care."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.targets._control import ask, control_path
from mlmon_dagster.errors import FailedError, UnavailableError

START_SECONDS = 60
STOP_SECONDS = 15
"""How long a server may take to finish its requests; more than it allows itself."""
HANGING_SECONDS = 1
TAIL_LINES = 12


@dataclass(frozen=True)
class ServerProcess:
    """The server in a deployment's directory."""

    home: Path

    @property
    def running(self) -> bool:
        """Whether the process lives: it holds the lock of its directory until it ends, whatever ends it."""
        try:
            file = os.open(self.home / "running", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    @property
    def address(self) -> str | None:
        """The server's own base URL, once it is ready."""
        try:
            return str(json.loads((self.home / "server.json").read_text())["address"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def start(self, told: dict[str, Any], modules: list[Path]) -> str:
        """Starts the process and waits until it is ready; its address. `FailedError` with the end of its log."""
        (self.home / "server.json").unlink(missing_ok=True)
        (self.home / "options.json").write_text(json.dumps(told))
        path = os.pathsep.join([*map(str, modules), *filter(None, [os.environ.get("PYTHONPATH")])])
        with (self.home / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mlmon_dagster.serving", str(self.home / "options.json")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
        return self._wait_ready(process)

    def _wait_ready(self, process: "subprocess.Popen[bytes]") -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if (address := self.address) is not None:
                return address
            if process.poll() is not None:
                raise FailedError(
                    f"the server ended with exit code {process.returncode} before it was ready: {self.tail}"
                )
            time.sleep(0.02)
        process.kill()
        process.wait()
        raise FailedError(f"the server was not ready after {START_SECONDS} seconds: {self.tail}")

    @property
    def tail(self) -> str:
        """The last lines of the server's log."""
        try:
            lines = (self.home / "server.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "it has no log"
        return " | ".join(line for line in lines[-TAIL_LINES:] if line.strip()) or "its log is empty"

    def stop(self) -> None:
        """Lets the server finish its requests and end; a signal, then a hard one, where it does not answer."""
        if not self.running:
            return
        seconds: float = STOP_SECONDS
        try:
            ask(self.home, "drain")
        except UnavailableError:
            self._signal(signal.SIGTERM)
            seconds = HANGING_SECONDS
        if not self._ended(seconds):
            self._signal(signal.SIGKILL)
            self._ended(STOP_SECONDS)
        control_path(self.home).unlink(missing_ok=True)

    def _ended(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            time.sleep(0.05)
        return not self.running

    def _signal(self, number: signal.Signals) -> None:
        """To the process that wrote its id under the lock which is still held: no other can have that id."""
        content = (self.home / "running").read_text().strip()
        if self.running and content.isdecimal():
            os.kill(int(content), number)
