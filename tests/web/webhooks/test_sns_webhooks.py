"""The catalogue of messages of SNS: exact status, one row in the log for each, nothing done that is not believed."""

import base64
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from api_office import Api, problem
from governed import START
from providers import Provider
from webhook_office import TOPIC

from mlmon_dagster.governance.alerts import Alert


class Sns:
    """Signs messages as Amazon SNS does."""

    def __init__(self, office: Api, sender: Provider) -> None:
        self.office, self.sender, self.number = office, sender, 0

    def message(self, kind: str = "Notification", **changed: Any) -> dict[str, Any]:
        self.number += 1
        plain = {
            "Type": kind,
            "MessageId": f"message-{self.number}",
            "TopicArn": TOPIC,
            "Message": "hello",
            "Timestamp": START.isoformat().replace("+00:00", ".000Z"),
            "SignatureVersion": "2",
            "SigningCertURL": f"{self.sender.url}/SimpleNotificationService-0123456789abcdef.pem",
        }
        if kind != "Notification":
            url = f"{self.sender.url}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
            plain |= {"Token": "t", "SubscribeURL": url}
        document = {**plain, **changed}
        return {"Signature": self.sign(document), **document}

    def sign(self, document: dict[str, Any]) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        names = ["Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{document[name]}\n" for name in names if isinstance(document.get(name), str))
        return base64.b64encode(self.sender.rsa_key.sign(text.encode(), PKCS1v15(), SHA256())).decode()

    def post(self, document: dict[str, Any], **headers: str) -> Any:
        given = {"Content-Type": "text/plain; charset=UTF-8", **headers}
        return self.office.client().post("/api/webhooks/sns", content=json.dumps(document).encode(), headers=given)

    def alarm(self, state: str, minutes: float = 0, **changed: Any) -> Any:
        when = START + timedelta(minutes=minutes)
        message = {
            "AlarmName": "p99",
            "AlarmArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:p99",
            "NewStateValue": state,
            "NewStateReason": "Threshold Crossed: 130 > 100",
            "StateChangeTime": when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
            "Trigger": {
                "Dimensions": [{"name": "pipeline", "value": "prices"}, {"name": "environment", "value": "prod"}]
            },
            **changed,
        }
        return self.post(self.message(Message=json.dumps(message))).json()["status"]


@pytest.fixture
def sns(office: Api, sender: Provider) -> Sns:
    return Sns(office, sender)


METADATA = "http://169.254.169.254/latest/SimpleNotificationService-01234567.pem"
FOREIGN = "https://evil.example/SimpleNotificationService-0123456789abcdef.pem"
ALIKE = FOREIGN.replace("evil.example", "sns.eu.amazonaws.com.evil.example")
NAMED = FOREIGN.replace("evil", "sns.eu-central-1.amazonaws.com@evil")
BAD_SNS: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "W38 no signature": ({"Signature": ""}, (401, "UNAUTHENTICATED")),
    "W38 not base64": ({"Signature": "?"}, (401, "UNAUTHENTICATED")),
    "W38 another message's": ({"Signature": base64.b64encode(b"x" * 256).decode()}, (401, "UNAUTHENTICATED")),
    "W38 version 1": ({"SignatureVersion": "1"}, (401, "UNAUTHENTICATED")),
    "W39 foreign certificate": ({"SigningCertURL": FOREIGN}, (401, "UNAUTHENTICATED")),
    "W39 http": ({"SigningCertURL": FOREIGN.replace("https", "http")}, (401, "UNAUTHENTICATED")),
    "W39 looks alike": ({"SigningCertURL": ALIKE}, (401, "UNAUTHENTICATED")),
    "W39 with a name": ({"SigningCertURL": NAMED}, (401, "UNAUTHENTICATED")),
    "W39 no certificate": ({"SigningCertURL": None}, (401, "UNAUTHENTICATED")),
    "W39 metadata service": ({"SigningCertURL": METADATA}, (401, "UNAUTHENTICATED")),
    "W41 other topic": ({"TopicArn": TOPIC + "x"}, (403, "TOPIC")),
    "W48 no type": ({"Type": None}, (422, "INPUT")),
    "W48 unknown type": ({"Type": "Hello"}, (422, "INPUT")),
    "W48 no message": ({"Message": None}, (422, "INPUT")),
    "W50 1970": ({"Timestamp": "1970-01-01T00:00:00.000Z"}, (422, "TIME")),
    "W50 2100": ({"Timestamp": "2100-01-01T00:00:00.000Z"}, (422, "TIME")),
    "W50 no time": ({"Timestamp": "soon"}, (422, "TIME")),
    "W50 no zone": ({"Timestamp": "2026-01-05T12:00:00"}, (422, "TIME")),
    "W40 confirmed elsewhere": (
        {
            "Type": "SubscriptionConfirmation",
            "Token": "t",
            "SubscribeURL": f"https://evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        },
        (403, "SUBSCRIBE_URL"),
    ),
}


@pytest.mark.parametrize("name", BAD_SNS)
def test_a_message_that_is_not_believed(
    shared: tuple[Api, Provider], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    sns, (changed, expected) = Sns(*shared), BAD_SNS[name]
    before = sns.office.length
    with caplog.at_level(logging.INFO, "mlmon.webhooks"):
        answer = sns.post(sns.message(**changed))
    assert problem(answer) == expected
    assert len([row for row in caplog.records if row.name == "mlmon.webhooks"]) == 1
    assert sns.office.length == before
    assert all("evil" not in asked for asked in sns.sender.asked)


def test_a_subscription_is_confirmed_where_sns_is(sns: Sns) -> None:
    sns.sender.documents["/"] = b"<ConfirmSubscriptionResponse/>"
    assert sns.post(sns.message("SubscriptionConfirmation")).json() == {"status": "subscribed"}
    assert "/" in sns.sender.asked


def alerts(sns: Sns) -> list[tuple[str, bool]]:
    with sns.office.governance.ledger.read() as reading:
        return [(one.check, one.open) for one in reading.find(Alert)]


def test_an_alarm_raises_an_alert_and_its_end_resolves_it(sns: Sns) -> None:
    assert sns.alarm("ALARM") == "raised"
    assert sns.alarm("INSUFFICIENT_DATA", 1) == "ignored"
    assert alerts(sns) == [("cloudwatch/p99", True)]
    assert sns.alarm("OK", 2) == "resolved"
    assert alerts(sns) == [("cloudwatch/p99", False)]
    sns.office.clock.pass_(minutes=60)
    assert sns.alarm("ALARM", 60) == "raised"
    assert len(alerts(sns)) == 2


def test_w42_an_alarm_that_flaps_is_one_alert_which_a_person_resolves(sns: Sns) -> None:
    said = [sns.alarm(("ALARM", "OK")[number % 2], number / 600) for number in range(40)]
    assert said[:4] == ["raised", "resolved", "reopened", "held"]
    assert set(said[4:]) == {"open", "held"}
    assert alerts(sns) == [("cloudwatch/p99", True)]


def test_w43_what_comes_late_does_not_undo_what_is_newer(sns: Sns) -> None:
    assert sns.alarm("OK", 5) == "noted"
    assert sns.alarm("ALARM", 1) == "outdated"
    assert alerts(sns) == []


def test_a_message_counts_once(sns: Sns) -> None:
    document = sns.message(Message=json.dumps({"AlarmName": "x"}))
    ping = sns.message()
    assert sns.post(ping).json() == {"status": "ignored"}
    assert sns.post(ping).json() == {"status": "duplicate"}
    assert problem(sns.post(document)) == (422, "INPUT")


@pytest.mark.parametrize("place", [[], [{"name": "pipeline", "value": "nothing"}], "x", [7]])
def test_an_alarm_of_nothing_of_ours_is_ignored(sns: Sns, place: Any) -> None:
    assert sns.alarm("ALARM", Trigger={"Dimensions": place}) == "ignored"
    assert alerts(sns) == []
