"""How a local server process is spoken to: a private socket that hands the address from one to the next."""

import hashlib
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from mlmon_dagster.errors import UnavailableError

SECONDS = 3
"""How long a server may take to answer; its line is a thread of its own, which waits for nothing."""


def control_path(directory: Path) -> Path:
    """Where the server of a deployment's directory listens; short, because socket paths may not be long."""
    folder = Path(tempfile.gettempdir()) / f"mlmon-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise UnavailableError(
            f"{folder} belongs to somebody else", hint="remove it, or set TMPDIR to a folder of your own"
        )
    return folder / f"{hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:24]}.sock"


def ask(directory: Path, command: str, listener: socket.socket | None = None) -> socket.socket | None:
    """Sends `adopt` (with a listening socket), `share` (gives the adopted one back) or `drain` to a server.

    Raises `UnavailableError` when the server does not answer or cannot do it.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(SECONDS)
            line.connect(str(control_path(directory)))
            socket.send_fds(line, [json.dumps(command).encode()], [listener.fileno()] if listener else [])
            content, files, _, _ = socket.recv_fds(line, 4096, 1)
    except OSError as error:
        raise UnavailableError(f"the server in {directory} does not answer: {error}") from error
    answer: dict[str, Any] = json.loads(content or b"{}")
    if answer.get("done") is not True:
        raise UnavailableError(f"the server in {directory} could not {command}: {answer.get('reason', 'no answer')}")
    return socket.socket(fileno=files[0]) if files else None
