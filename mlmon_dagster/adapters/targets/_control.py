"""How a local process is spoken to: a private socket that takes one command and answers it."""

import hashlib
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from mlmon_dagster.errors import UnavailableError

SECONDS = 3
"""How long a process may take to answer; its line waits for nothing."""


def control_path(directory: Path) -> Path:
    """Where the process of a home listens; short, because socket paths may not be long."""
    folder = Path(tempfile.gettempdir()) / f"mlmon-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise UnavailableError(
            f"{folder} belongs to somebody else", hint="remove it, or set TMPDIR to a folder of your own"
        )
    return folder / f"{hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:24]}.sock"


def ask(directory: Path, command: str | list[str]) -> dict[str, Any]:
    """Sends a command (`drain` to a server, `apply`, `traffic` or `["busy", home]` to a router); what it answers.

    Raises `UnavailableError` when the process does not answer or cannot do it.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(SECONDS)
            line.connect(str(control_path(directory)))
            line.sendall(json.dumps(command).encode() + b"\n")
            content = b"".join(iter(lambda: line.recv(1 << 16), b""))
        answer: dict[str, Any] = json.loads(content or b"{}")
    except (OSError, ValueError) as error:
        raise UnavailableError(f"the process in {directory} does not answer: {error}") from error
    if answer.get("done") is not True:
        raise UnavailableError(f"the process in {directory} could not {command}: {answer.get('reason', 'no answer')}")
    return answer
