"""What Git says of a folder."""

import os
import re
import subprocess
from pathlib import Path

COMMIT = "MLMON_GIT_COMMIT"
"""Variable with the commit, where code runs without its repository (a container image)."""

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def last_commit(folder: Path) -> str:
    """The commit that changed something in the folder last; empty where there is no repository or no Git.

    `MLMON_GIT_COMMIT` comes first.
    """
    told = os.environ.get(COMMIT, "").strip()
    if _COMMIT.fullmatch(told):
        return told
    command = ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", "."]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = answer.stdout.strip()
    return found if answer.returncode == 0 and _COMMIT.fullmatch(found) else ""
