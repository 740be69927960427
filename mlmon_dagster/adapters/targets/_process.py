"""Processes of the local target: started apart from their starter, known by their lock, ended with care."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmon_dagster.adapters.targets._control import ask, control_path
from mlmon_dagster.errors import BlockedError, FailedError, UnavailableError

START_SECONDS = 60
STOP_SECONDS = 15
"""How long a server may take to finish its requests; more than it allows itself."""
HANGING_SECONDS = 1
TAIL_LINES = 12
LOCK_SECONDS = 1
"""Longer than anybody who only looks whether a process runs holds its lock."""


def running(home: Path) -> bool:
    """Whether the process of that home lives: it holds the lock there until it ends, whatever ends it."""
    try:
        file = os.open(home / "running", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def hold(home: Path) -> int:
    """Takes the lock of a home for as long as this process lives; `BlockedError` when another process has it."""
    home.mkdir(exist_ok=True)
    file = os.open(home / "running", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(file)
                raise BlockedError(f"another process runs in {home}") from None
            time.sleep(0.02)
    os.ftruncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    return file


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; the others wait."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def published(home: Path, state: Mapping[str, Any]) -> None:
    """Says where the process of a home is reached: `server.json`, at once."""
    part = home / ".server.json"
    part.write_text(json.dumps(state))
    part.replace(home / "server.json")


def spawn(
    module: str, arguments: Sequence[str], home: Path, *inherited: int, path: Sequence[str] = ()
) -> "subprocess.Popen[bytes]":
    """Starts a module of ours apart from this process; its output goes to `server.log` of its home."""
    home.mkdir(exist_ok=True)
    paths = os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])])
    with (home / "server.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=inherited,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )


@dataclass(frozen=True)
class ServerProcess:
    """The process in a home: the server of a deployment, a router or a keeper."""

    home: Path

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return running(self.home)

    @property
    def address(self) -> str | None:
        """The server's own base URL, once it is ready."""
        try:
            return str(json.loads((self.home / "server.json").read_text())["address"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    @property
    def socket(self) -> Path | None:
        """Where the server is reached from this machine without TCP, once it is ready."""
        try:
            return Path(json.loads((self.home / "server.json").read_text())["socket"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    @property
    def told(self) -> dict[str, Any]:
        """What the server was started with; empty for what was never started."""
        try:
            found: dict[str, Any] = json.loads((self.home / "options.json").read_text())
            return found
        except (FileNotFoundError, ValueError):
            return {}

    def start(self, told: dict[str, Any], modules: list[Path]) -> str:
        """Starts the server and waits until it is ready; its address. `FailedError` with the end of its log."""
        (self.home / "options.json").write_text(json.dumps(told))
        (self.home / "modules.json").write_text(json.dumps([str(one) for one in modules]))
        return self.wait_ready(self.spawn())

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Starts the server as it was told the last time."""
        (self.home / "server.json").unlink(missing_ok=True)
        modules = json.loads((self.home / "modules.json").read_text())
        return spawn("mlmon_dagster.serving", [str(self.home / "options.json")], self.home, path=modules)

    def wait_ready(self, process: "subprocess.Popen[bytes]", seconds: float = START_SECONDS) -> str:
        """The address, once the process has published it; `FailedError` with the end of its log when it does not."""
        end = time.monotonic() + seconds
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
        raise FailedError(f"the server was not ready after {seconds} seconds: {self.tail}")

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
        try:
            ask(self.home, "drain")
        except UnavailableError:
            self.end(HANGING_SECONDS)
        if not self._ended(STOP_SECONDS):
            self.kill()
        control_path(self.home).unlink(missing_ok=True)

    def end(self, seconds: float = STOP_SECONDS) -> None:
        """Asks the process to end by a signal, a hard one after `seconds`."""
        self._signal(signal.SIGTERM)
        if not self._ended(seconds):
            self.kill()

    def kill(self) -> None:
        """Ends the process at once; `FailedError` when it is still there after a while."""
        self._signal(signal.SIGKILL)
        if not self._ended(STOP_SECONDS):
            raise FailedError(f"the process in {self.home} cannot be ended")

    def _ended(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            time.sleep(0.02)
        return not self.running

    def _signal(self, number: signal.Signals) -> None:
        """To the process that wrote its id under the lock which is still held: no other can have that id."""
        if not self.running:
            return
        content = (self.home / "running").read_text().strip()
        if content.isdecimal():
            os.kill(int(content), number)
