"""The Git checkout that the folder of pipeline files is in: brought up to date, and added to on branches of its own.

Nothing here changes a file that Dagster reads except by fast-forward to a commit of the branch that people merge into.
"""

import base64
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from threading import Lock

from mlmon_dagster.errors import BlockedError, InvalidPipelineError, MissingError, Problem, UnavailableError
from mlmon_dagster.pipeline.parse import Parsed, parse_pipeline
from mlmon_dagster.ports import ProposedChange, Updated

REMOTE = "origin"
TIMEOUT_SECONDS = 60


class Checkout:
    """Port `PipelineRepository` over a folder in a Git checkout.

    `token` is sent to the remote over https, by the environment and never in a command's arguments.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], token: Callable[[], str] | None = None) -> None:
        self._folder, self._environ, self._token = folder, environ, token
        self._lock = Lock()

    def update(self, branch: str) -> Updated:
        """Moves the checkout forward to the head of the remote's branch, once its pipeline files were found valid.

        Raises `InvalidPipelineError`, `BlockedError` when it does not go on from here or files were changed by hand,
        `UnavailableError` when the remote is out of reach.
        """
        with self._lock:
            if REMOTE not in self._git("remote").split():
                raise MissingError(f"the checkout has no remote {REMOTE}: there is nothing to follow")
            self._git("fetch", "--quiet", "--no-tags", REMOTE, f"refs/heads/{branch}")
            before, after = self._git("rev-parse", "HEAD"), self._git("rev-parse", "FETCH_HEAD")
            if before == after:
                return Updated(before, after)
            if not self._succeeds("merge-base", "--is-ancestor", before, after):
                raise BlockedError(
                    f"the branch {branch} does not go on from {before[:12]}, which is checked out",
                    hint="somebody rewrote it, or committed here: look, and check the right commit out by hand",
                    code="DIVERGED",
                )
            if self._git("status", "--porcelain", "--untracked-files=no"):
                raise BlockedError("files of the checkout were changed by hand", hint="commit or discard them first")
            self._refuse_mistakes(after)
            self._git("merge", "--quiet", "--ff-only", after)
            return Updated(before, after)

    def parse(self, content: bytes) -> Parsed:
        """What the content declares, with this process's variables."""
        return parse_pipeline(content, file="", environ=self._environ)

    def propose(self, name: str, content: bytes, *, branch: str, message: str, author: str) -> ProposedChange:
        """Commits the pipeline's file to a new branch on top of what is checked out, and pushes it where there is a
        remote; the same content again gives the branch that is there."""
        with self._lock:
            root = Path(self._git("rev-parse", "--show-toplevel"))
            file = self._file(root, name)
            base = self._git("rev-parse", "HEAD")
            commit = self._commit(base, file, content, message, author)
            self._git("update-ref", f"refs/heads/{branch}", commit)
            remote = REMOTE in self._git("remote").split()
            if remote:
                self._git("push", "--quiet", "--force", REMOTE, f"{commit}:refs/heads/{branch}")
            return ProposedChange(branch, commit, base, str(file), pushed=remote)

    def _file(self, root: Path, name: str) -> PurePosixPath:
        """Where the pipeline stands now, else where a new one belongs; relative to the checkout."""
        flat = self._folder / f"{name}.yaml"
        found = flat if flat.exists() else self._folder / name / "pipeline.yaml"
        return PurePosixPath(found.resolve().relative_to(root.resolve()).as_posix())

    def _commit(self, base: str, file: PurePosixPath, content: bytes, message: str, author: str) -> str:
        """The same file, base, message and author give the same commit: its time is the base's."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git("read-tree", base, environ=index)
            blob = self._git("hash-object", "-w", "--stdin", given=content)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{file}", environ=index)
            tree = self._git("write-tree", environ=index)
        if tree == self._git("rev-parse", f"{base}^{{tree}}"):
            raise BlockedError(f"{file} says this already", hint="there is nothing to propose", code="SAME")
        moment = self._git("show", "-s", "--format=%ct +0000", base)
        people = {
            **{f"GIT_{role}_NAME": author for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": f"{author.partition('@')[0]}@mlmon.invalid" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_DATE": moment for role in ("AUTHOR", "COMMITTER")},
        }
        return self._git("commit-tree", tree, "-p", base, "-F", "-", given=message.encode(), environ=people)

    def _refuse_mistakes(self, commit: str) -> None:
        problems: list[Problem] = []
        for path in self._git("ls-tree", "-r", "--name-only", commit, "--", ".").splitlines():
            parts = PurePosixPath(path).parts
            if (len(parts) == 1 and path.endswith(".yaml")) or (len(parts) == 2 and parts[1] == "pipeline.yaml"):
                file = f"{self._folder.name}/{path}"
                try:
                    parse_pipeline(self._run("show", f"{commit}:./{path}"), file=file, environ=self._environ)
                except InvalidPipelineError as error:
                    problems += error.problems
        if problems:
            raise InvalidPipelineError(problems, hint=f"commit {commit[:12]} was not taken over")

    def _succeeds(self, *words: str) -> bool:
        return self._process(words, b"", {}).returncode == 0

    def _git(self, *words: str, given: bytes = b"", environ: Mapping[str, str] | None = None) -> str:
        return self._run(*words, given=given, environ=environ).decode("utf-8", "replace").strip()

    def _run(self, *words: str, given: bytes = b"", environ: Mapping[str, str] | None = None) -> bytes:
        done = self._process(words, given, environ or {})
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UnavailableError(
                f"git {words[0]} failed in {self._folder.name}: {said[-1][:200] if said else done.returncode}",
                hint="the folder of pipeline files has to be a Git checkout",
            )
        return done.stdout

    def _process(
        self, words: tuple[str, ...], given: bytes, environ: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[bytes]":
        command = ["git", "-C", str(self._folder), "-c", "core.hooksPath=/dev/null", *words]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        plain = {**inherited, "GIT_TERMINAL_PROMPT": "0", **self._credentials(words[0]), **environ}
        try:
            return subprocess.run(
                command, input=given, capture_output=True, timeout=TIMEOUT_SECONDS, check=False, env=plain
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"git {words[0]} could not be run: {type(error).__name__}") from error

    def _credentials(self, word: str) -> dict[str, str]:
        if self._token is None or word not in ("fetch", "push"):
            return {}
        basic = base64.b64encode(f"x-access-token:{self._token()}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.https://github.com/.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }


def open_checkout(folder: Path, environ: Mapping[str, str], token: Callable[[], str] | None = None) -> Checkout | None:
    """The checkout that the folder is in, if it is in one."""
    here = Path(folder).resolve()
    return Checkout(folder, environ, token) if any((one / ".git").exists() for one in (here, *here.parents)) else None
