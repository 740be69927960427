"""How long a client waits for its answer, as it says in `X-Deadline-Ms`."""

from mlmon_dagster.serving.messages import Request
from mlmon_dagster.serving.problems import ProblemError

HEADER = b"x-deadline-ms"


def within_deadline(request: Request) -> None:
    """Raises `ProblemError` 504 when the client's deadline has passed; nothing is logged then."""
    told = request.headers.get(HEADER)
    if told is None:
        return
    if not told.isdigit() or len(told) > 9:
        raise ProblemError(400, "x-deadline-ms is a whole number of milliseconds")
    if request.seconds * 1000 > int(told):
        raise ProblemError(504, f"the answer took longer than the {int(told)} ms that the client waits")
