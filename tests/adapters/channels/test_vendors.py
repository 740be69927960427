"""Channels of vendors, against servers that speak their protocols."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from answering import server
from pydantic import ValidationError

from mlmon_dagster import plugins
from mlmon_dagster.adapters.channels.email import Email
from mlmon_dagster.adapters.channels.pagerduty import Pagerduty
from mlmon_dagster.adapters.channels.slack import Slack
from mlmon_dagster.adapters.channels.sns import Sns
from mlmon_dagster.adapters.channels.teams import Teams
from mlmon_dagster.errors import UnavailableError

FACTS = {"id": "alert-3", "severity": "critical", "pipeline": "prices", "environment": "prod", "window": None}
SECRET = "s3cr3t-that-nobody-sees"


def test_slack_gets_blocks_in_which_nothing_is_a_mention(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(200) as (url, seen):
        monkeypatch.setenv("SLACK_HOOK", f"{url}/services/T/B/{SECRET}")
        Slack(url="env:SLACK_HOOK").send("prices <!channel>", "a & b", FACTS)
    body = seen[0]["body"]
    assert body["text"] == "prices &lt;!channel&gt;: a &amp; b"
    assert ":rotating_light: *prices &lt;!channel&gt;*" in body["blocks"][0]["text"]["text"]
    assert {"type": "mrkdwn", "text": "*environment*\nprod"} in body["blocks"][1]["fields"]
    assert seen[0]["path"].endswith(SECRET)


def test_teams_gets_an_adaptive_card() -> None:
    with server(202) as (url, seen):
        Teams(url=f"{url}/hook").send("failed", "drift", FACTS)
    (attachment,) = seen[0]["body"]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [part.get("text") for part in attachment["content"]["body"][:2]] == ["failed", "drift"]
    assert attachment["content"]["body"][0]["color"] == "attention"


def test_pagerduty_gets_one_event_for_an_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGERDUTY_KEY", SECRET)
    with server(503, 202) as (url, seen):
        Pagerduty(routing_key="env:PAGERDUTY_KEY", url=f"{url}/v2/enqueue").send("failed", "drift", FACTS)
    assert [one["body"]["dedup_key"] for one in seen] == ["mlmon/alert-3"] * 2
    event = seen[-1]["body"]
    assert (event["routing_key"], event["event_action"]) == (SECRET, "trigger")
    assert (event["payload"]["severity"], event["payload"]["source"]) == ("critical", "mlmon/prices")


@pytest.mark.parametrize("code", [400, 401, 500, 302])
def test_a_refusal_names_the_server_and_no_secret(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with server(code) as (url, seen):
        monkeypatch.setenv("HOOK", f"{url}/{SECRET}")
        monkeypatch.setenv("KEY", SECRET)
        for channel in (Slack(url="env:HOOK"), Teams(url="env:HOOK"), Pagerduty("env:KEY", url=url)):
            with pytest.raises(UnavailableError, match=str(code)) as refusal:
                channel.send("failed", "drift", FACTS)
            assert SECRET not in str(refusal.value)
    assert len(seen) == (9 if code == 500 else 3)


def test_a_secret_that_is_not_there_is_told_by_its_reference() -> None:
    for channel in (Slack(url="env:NO_SUCH_HOOK"), Pagerduty("env:NO_SUCH_HOOK")):
        with pytest.raises(UnavailableError, match="env:NO_SUCH_HOOK"):
            channel.send("failed", "drift", FACTS)


@contextmanager
def mail_server(*, refuse: str = "") -> Iterator[tuple[int, list[str]]]:
    """A mail server that takes one message after another; and what it was told."""
    told: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as wire:

                def say(line: str) -> None:
                    wire.write(f"{line}\r\n".encode())
                    wire.flush()

                say("220 here")
                while line := wire.readline().decode().rstrip("\r\n"):
                    told.append(line)
                    if line.upper() == "DATA":
                        say("354 go on")
                        while (more := wire.readline().decode().rstrip("\r\n")) != ".":
                            told.append(more)
                        say("250 taken")
                    elif line.upper().startswith("RCPT") and refuse:
                        say(refuse)
                    elif line.upper() == "QUIT":
                        say("221 bye")
                        break
                    else:
                        say("250 yes")

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], told
    finally:
        listening.close()


def mail(port: int, **more: Any) -> Email:
    return Email(
        to=("ops@example.com",), sender="mlmon@example.com", host="127.0.0.1", port=port, security="none", **more
    )


def test_an_email_says_what_failed_where() -> None:
    with mail_server() as (port, told):
        mail(port).send("prices: the check\r\nBcc: eve@example.com", "price has drifted", FACTS)
    assert "rcpt TO:<ops@example.com>" in told
    assert "Subject: [critical] prices: the check Bcc: eve@example.com" in told
    assert "price has drifted" in told
    assert not any(line.startswith("Bcc:") for line in told)


def test_a_mail_server_that_refuses_is_told() -> None:
    refused = pytest.raises(UnavailableError, match="the alert was not delivered")
    with mail_server(refuse="550 nobody here") as (port, told), refused:
        mail(port).send("failed", "drift", FACTS)
    assert sum(line.startswith("rcpt") for line in told) == 1, "what is refused for good is not tried again"


def test_a_mail_server_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnavailableError, match="ConnectionRefusedError"):
        mail(port).send("failed", "drift", FACTS)


def test_an_email_without_encryption_carries_no_password() -> None:
    with pytest.raises(ValueError, match="not sent readable"):
        mail(25, user="mlmon", password="env:PASSWORD")
    with pytest.raises(ValueError, match="come together"):
        mail(25, user="mlmon")


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
    before = {name: os.environ.get(name) for name in keys}
    os.environ.update(keys)
    yield f"http://{host}:{port}"
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    running.stop()


def test_sns_publishes_to_the_topic_and_its_subscribers(aws: str) -> None:
    import json

    import boto3

    sns, sqs = (boto3.client(name, endpoint_url=aws, region_name="eu-central-1") for name in ("sns", "sqs"))
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="pager")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:pager")
    Sns(topic=topic, endpoint=aws).send("prices: größer", "drift", FACTS)
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert body["Subject"] == "prices: gr??er"
    assert json.loads(body["Message"])["facts"]["id"] == "alert-3"
    assert body["MessageAttributes"]["severity"]["Value"] == "critical"


def test_a_topic_that_is_not_there_is_told(aws: str) -> None:
    with pytest.raises(UnavailableError, match="NotFound"):
        Sns(topic="arn:aws:sns:eu-central-1:123456789012:nowhere", endpoint=aws).send("failed", "drift", FACTS)


def test_a_secret_of_secrets_manager_is_read_when_an_alert_is_sent(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    manager = boto3.client("secretsmanager", region_name="eu-central-1")
    with server(200) as (url, seen):
        manager.create_secret(Name="mlmon/slack", SecretString=f'{{"hook": "{url}/{SECRET}"}}')
        Slack(url="secretsmanager:mlmon/slack#hook").send("failed", "drift", FACTS)
        for other in ("secretsmanager:mlmon/slack#hooky", "secretsmanager:mlmon/nothing"):
            with pytest.raises(UnavailableError) as refusal:
                Slack(url=other).send("failed", "drift", FACTS)
            assert SECRET not in str(refusal.value)
    assert seen[0]["path"] == f"/{SECRET}"


@pytest.mark.parametrize("name", ["console", "email", "slack", "pagerduty", "sns", "teams", "webhook"])
def test_every_channel_is_there_and_says_for_whom_it_is_bad_enough(name: str) -> None:
    assert name in plugins.names("channel")
    assert "at_least" in plugins.load("channel", name).__dataclass_fields__


def test_a_literal_where_a_reference_belongs_is_refused() -> None:
    from pydantic import TypeAdapter

    with pytest.raises(ValidationError):
        TypeAdapter(Pagerduty).validate_python({"routing_key": "0123456789abcdef"})
