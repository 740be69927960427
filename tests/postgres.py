"""A private PostgreSQL server for tests: started from the installed binaries, stopped by its process id."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running server on 127.0.0.1."""

    binaries: Path
    folder: Path
    port: int
    run: dict[str, object]
    options: str = ""

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg2://mlmon@127.0.0.1:{self.port}/{database}"

    def fresh(self, name: str) -> str:
        """The URL of a new, empty database."""
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="mlmon", dbname="postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        return self.url(name)

    def serve(self) -> None:
        """Starts it on its folder, and returns once it answers."""
        command = [self.binaries / "pg_ctl", "start", "-w", "-t", "120", "-D", self.folder / "data"]
        options = ["-l", self.folder / "log", "-o", self.options]
        subprocess.run([*command, *options], check=True, capture_output=True, cwd="/", **self.run)

    def kill(self) -> None:
        """As when the machine fails: every process of it ends at once, without a last word."""
        lock = self.folder / "data" / "postmaster.pid"
        postmaster = int(lock.read_text().split()[0])
        every = [postmaster, *_children(postmaster)]
        for process in every:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(_alive(process) for process in every):
            time.sleep(0.01)
        lock.unlink()  # where nobody collects dead processes, it would take the dead one for a running one

    def stop(self) -> None:
        command = [self.binaries / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.folder / "data"]
        subprocess.run(command, check=False, capture_output=True, cwd="/", **self.run)
        shutil.rmtree(self.folder, ignore_errors=True)


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, if they are installed."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin")]
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def start(fsync: str = "off") -> Server:
    """Starts a server; PostgreSQL refuses to run as root, so root becomes another user for it."""
    found = binaries()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="mlmon-postgres-"))
    run: dict[str, object] = {}
    if os.geteuid() == 0:
        user = _other_user()
        os.chown(folder, user.pw_uid, user.pw_gid)
        run = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    port = _free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync={fsync}"
    server = Server(found, folder, port, run, options)
    make = [found / "initdb", "-D", folder / "data", "-U", "mlmon", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, cwd="/", **run)
    server.serve()
    return server


def _children(parent: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            facts = file.read_text().rpartition(")")[2].split()
            if int(facts[1]) == parent:
                found.append(int(file.parent.name))
    return found


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("tests run as root and there is neither a user postgres nor nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def copies(server: str, name: str) -> Iterator[Callable[[], str]]:
    """Makes copies of the database `name` of the server, each in place of the one before."""
    import psycopg2

    connection = psycopg2.connect(f"{server.replace('+psycopg2', '')}/postgres")
    connection.autocommit = True
    copy = f"{name}_copy"

    def made() -> str:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
        return f"{server}/{copy}"

    yield made
    connection.close()
