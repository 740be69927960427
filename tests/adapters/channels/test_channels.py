"""Channels against real ends: a terminal's standard error, an HTTP server."""

import pytest
from answering import server
from pydantic import ValidationError

from mlmon_dagster import plugins
from mlmon_dagster.adapters.channels.console import Console
from mlmon_dagster.adapters.channels.webhook import Webhook
from mlmon_dagster.errors import UnavailableError

FACTS = {"id": "alert-3", "window": None}


def test_the_console_writes_one_block(capsys: pytest.CaptureFixture[str]) -> None:
    Console().send("prices: the check inputs failed in dev", "price has drifted", FACTS)
    assert capsys.readouterr().err == (
        "ALERT prices: the check inputs failed in dev\n  price has drifted\n  id: alert-3\n"
    )


def test_a_webhook_posts_what_chats_show_and_programs_read() -> None:
    with server(200) as (url, seen):
        Webhook(url=f"{url}/hook", headers={"X-Team": "pricing"}).send("failed", "drift", FACTS)
    assert seen[0]["path"] == "/hook"
    assert seen[0]["headers"]["X-Team"] == "pricing"
    assert seen[0]["body"] == {"text": "failed\ndrift", "title": "failed", "body": "drift", "facts": FACTS}


def test_a_server_error_is_tried_again() -> None:
    with server(500, 429, 204) as (url, seen):
        Webhook(url=url).send("failed", "drift", FACTS)
    assert len(seen) == 3


@pytest.mark.parametrize(("code", "attempts"), [(500, 3), (404, 1), (302, 1)])
def test_what_was_not_taken_is_told_after_bounded_attempts(code: int, attempts: int) -> None:
    with server(code) as (url, seen), pytest.raises(UnavailableError, match=f"answered {code}"):
        Webhook(url=url).send("failed", "drift", FACTS)
    assert len(seen) == attempts
    assert {one["path"] for one in seen} == {"/"}


def test_nobody_listening_is_told() -> None:
    with pytest.raises(UnavailableError, match="ConnectError"):
        Webhook(url="http://127.0.0.1:9/hook", timeout_seconds=0.5).send("failed", "drift", FACTS)


def test_secrets_come_from_the_environment_and_are_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(200, 401) as (url, seen):
        monkeypatch.setenv("HOOK", f"{url}/s3cret")
        monkeypatch.setenv("TOKEN", "t0ken")
        hook = Webhook(url="${HOOK}", headers={"Authorization": "Bearer ${TOKEN}"})
        hook.send("failed", "drift", FACTS)
        with pytest.raises(UnavailableError) as refusal:
            hook.send("failed", "drift", FACTS)
        with pytest.raises(UnavailableError) as plain:
            Webhook(url=f"{url}/s3cret").send("failed", "drift", FACTS)
    assert seen[0]["path"] == "/s3cret"
    assert seen[0]["headers"]["Authorization"] == "Bearer t0ken"
    for told in (repr(hook), str(refusal.value), str(plain.value)):
        assert "s3cret" not in told
        assert "t0ken" not in told


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(UnavailableError, match="NO_SUCH_HOOK"):
        Webhook(url="${NO_SUCH_HOOK}").send("failed", "drift", FACTS)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "example.org", "", "ftp://host/x"])
def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        plugins.parse("channel", {"use": "webhook", "url": url})


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/"])
def test_no_alert_is_posted_where_a_machine_is_told_its_credentials(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Neither when it is declared, nor when a variable says so later."""
    with pytest.raises(ValidationError, match="its own credentials"):
        plugins.parse("channel", {"use": "webhook", "url": url})
    monkeypatch.setenv("HOOK", url)
    for reference in ("${HOOK}", "env:HOOK"):
        with pytest.raises(UnavailableError, match="its own credentials"):
            Webhook(url=reference).send("failed", "drift", FACTS)
