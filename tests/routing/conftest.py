"""The router of a test."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from routed import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # signals can only be handled by the main thread of a process; here the loop is in another
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", lambda *_: None)
    made = World(tmp_path)
    yield made
    made.close()
