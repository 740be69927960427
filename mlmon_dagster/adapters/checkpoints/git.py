"""Checkpoints on a ref of a Git repository, pushed to a remote where one is named."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmon_dagster.errors import UnavailableError

NUMBER = "{:012d}"
WHO = {
    "GIT_AUTHOR_NAME": "mlmon",
    "GIT_AUTHOR_EMAIL": "mlmon@localhost",
    "GIT_COMMITTER_NAME": "mlmon",
    "GIT_COMMITTER_EMAIL": "mlmon@localhost",
}


@dataclass(frozen=True)
class CheckpointRef:
    """See `ports.CheckpointStore`: one commit for each checkpoint, on a ref that no working tree sees.

    A tree holds `notes/<size>.checkpoint`, `notes/<size>.latest` and `leaves/<first>-<last>`. Nothing is checked out.
    """

    repository: Path
    ref: str = "refs/mlmon/checkpoints"
    remote: str = ""

    def newest(self) -> str | None:
        names = self._names("notes")
        return self._show(names[-1]).decode() if names else None

    def notes(self) -> Iterator[str]:
        for name in self._names("notes"):
            yield self._show(name).decode()

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        for name in self._names("leaves"):
            yield int(name.rpartition("/")[2].partition("-")[0]), self._show(name)

    def put(self, size: int, note: str, leaves: bytes) -> None:
        parent, known = self._head(), self._names("notes")
        first = f"notes/{NUMBER.format(size)}.checkpoint"
        added = {first.replace(".checkpoint", ".latest") if first in known else first: note.encode()}
        count = len(leaves) // 32
        if count:
            added[f"leaves/{NUMBER.format(size - count + 1)}-{NUMBER.format(size)}"] = leaves
        index = self.repository.resolve() / f".mlmon-index-{os.getpid()}"
        environ = {"GIT_INDEX_FILE": str(index)}
        try:
            self._git("read-tree", parent or "--empty", environ=environ)
            for name, content in added.items():
                blob = self._git("hash-object", "-w", "--stdin", given=content).decode().strip()
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", environ=environ)
            tree = self._git("write-tree", environ=environ).decode().strip()
        finally:
            index.unlink(missing_ok=True)
        line = ["-p", parent] if parent else []
        commit = self._git("commit-tree", tree, *line, "-m", f"Sign {size} entries").decode().strip()
        self._git("update-ref", self.ref, commit, parent or "0" * 40)
        if self.remote:
            self._git("push", "--quiet", self.remote, f"{self.ref}:{self.ref}")

    def _head(self) -> str:
        return self._git("rev-parse", "--verify", "--quiet", self.ref, may_fail=True).decode().strip()

    def _names(self, folder: str) -> list[str]:
        if not self._head():
            return []
        return sorted(self._git("ls-tree", "--name-only", self.ref, f"{folder}/").decode().splitlines())

    def _show(self, name: str) -> bytes:
        return self._git("cat-file", "blob", f"{self.ref}:{name}")

    def _git(
        self, *arguments: str, given: bytes = b"", environ: dict[str, str] | None = None, may_fail: bool = False
    ) -> bytes:
        command = ["git", "-C", str(self.repository), *arguments]
        try:
            answer = subprocess.run(
                command,
                input=given,
                capture_output=True,
                check=False,
                timeout=60,
                env={**os.environ, **WHO, "GIT_TERMINAL_PROMPT": "0", **(environ or {})},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"checkpoints cannot be kept in {self.repository}: git does not run") from error
        if answer.returncode and not may_fail:
            said = answer.stderr.decode(errors="replace").strip().splitlines()
            raise UnavailableError(
                f"checkpoints cannot be kept in the repository {self.repository}: {said[-1] if said else 'git failed'}"
            )
        return answer.stdout
