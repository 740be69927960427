"""A process made of this one: it begins where its parent stands, so that nothing has to be imported again."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path


class Forked:
    """Runs `work` in a process of its own; what it says goes to the file `log`.

    Only for parents without threads. `closed` are file descriptors that are the parent's alone, as a lock is.
    """

    def __init__(self, work: Callable[[], None], log: Path, closed: Sequence[int] = ()) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        log.parent.mkdir(exist_ok=True)
        self._code: int | None = None
        self.pid = os.fork()
        if not self.pid:
            os._exit(_worked(work, log, closed))

    def poll(self) -> int | None:
        """Its exit code (of a signal: its number, negative), `None` while it lives."""
        if self._code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if ended else None
        return self._code

    def terminate(self) -> None:
        """Asks it to end."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


def _worked(work: Callable[[], None], log: Path, closed: Sequence[int]) -> int:
    """The exit code of the work, in the new process; nothing of it reaches what the parent was doing."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        for file in closed:
            os.close(file)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(said, 1)
        os.dup2(said, 2)
        work()
    except BaseException:  # a process ends here
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
