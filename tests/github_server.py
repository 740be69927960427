"""GitHub's interface for commits on this machine: what it checks of a request, and what it keeps."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from answering import Asked, Said, answering

TOKEN = "ghs_installation"


@dataclass
class Github:
    """One server with one repository."""

    url: str = ""
    repository: str = "acme/house"
    commits: set[str] = field(default_factory=set)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: int = 0
    """What it answers to everything, when it is not 0."""
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: str, token: str, body: Any) -> tuple[int, Any]:
        if self.status:
            return self.status, {"message": "as told"}
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        found = re.fullmatch(r"/repos/([^/]+/[^/]+)/(statuses|commits)/([0-9a-f]{40})(/status|/check-runs)?", path)
        if found is None or found[1] != self.repository or found[3] not in self.commits:
            return 404, {"message": "Not Found"}
        if method == "POST" and found[2] == "statuses":
            return self._post(found[3], body)
        page = int((re.search(r"page=(\d+)$", query) or [0, 1])[1]) - 1
        if found[4] == "/status":
            newest = {one["context"]: one for commit, one in self.posted if commit == found[3]}
            return 200, {"state": "pending", "statuses": list(newest.values())[100 * page : 100 * page + 100]}
        runs = self.runs.get(found[3], [])
        return 200, {"total_count": len(runs), "check_runs": runs[100 * page : 100 * page + 100]}

    def _post(self, commit: str, body: Any) -> tuple[int, Any]:
        good = (
            isinstance(body, dict)
            and set(body) <= {"state", "target_url", "description", "context"}
            and body.get("state") in ("error", "failure", "pending", "success")
            and len(body.get("description", "")) <= 140
            and re.match("https?://", body.get("target_url", "http://"))
        )
        if not good:
            return 422, {"message": "Validation Failed"}
        self.posted.append((commit, body))
        return 201, body


@contextmanager
def github() -> Iterator[Github]:
    """The server, while it runs."""
    here = Github()

    def answer(asked: Asked) -> Said:
        token = asked.headers.get("authorization", "")
        return Said(*here.answer(asked.method, asked.path, asked.query, token, asked.body), here.headers)

    with answering(answer) as here.url:
        yield here
