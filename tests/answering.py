"""HTTP servers on this machine that answer as a test says: the one place where tests make small servers."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request; names of headers are in small letters."""

    method: str
    target: str
    """The path with its query."""
    headers: Mapping[str, str]
    content: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def body(self) -> Any:
        """The content as JSON; nothing where there is none."""
        return json.loads(self.content or b"null")


@dataclass(frozen=True)
class Said:
    """The answer to one request: bytes as they are, everything else as JSON."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@contextmanager
def answering(answer: Callable[[Asked], Said]) -> Iterator[str]:
    """The address of a server that answers every request so, while it runs."""

    class Answers(BaseHTTPRequestHandler):
        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(Asked(self.command, self.path, headers, content))
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(said.content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.content if self.command != "HEAD" else b"")

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def server(*codes: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers with these codes in turn, the last one for ever; and the JSON that it was sent."""
    seen: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Said:
        code = codes[min(len(seen), len(codes) - 1)]
        headers = {name.title(): value for name, value in asked.headers.items()}
        seen.append({"path": asked.target, "headers": headers, "body": asked.body})
        return Said(code, headers={"Location": "/elsewhere"})

    with answering(answer) as url:
        yield url, seen
