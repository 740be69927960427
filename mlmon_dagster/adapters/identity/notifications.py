"""Notifications of Amazon SNS, believed once their signature, certificate, topic and time were checked.

The certificate's address comes with the message: only one of SNS itself is ever asked.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mlmon_dagster.adapters.identity.claims import RefusedTokenError
from mlmon_dagster.adapters.identity.keys import Keys
from mlmon_dagster.errors import DeniedError, InputError, UnavailableError

AWS = r"https://sns\.[a-z0-9-]{3,32}\.amazonaws\.com(\.cn)?"
CERTIFICATE = r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem"
TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]{3,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
OLDEST, EARLIEST = timedelta(days=1), timedelta(minutes=5)
"""SNS tries for hours; a message from the future comes from a clock that is wrong, or from nobody."""

TIMEOUT_SECONDS = 5

NOTIFICATION, SUBSCRIPTION, UNSUBSCRIPTION = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""Kind of message -> what is signed, in this order; a subject only where there is one."""


@dataclass(frozen=True)
class Notification:
    """A message of a topic that is ours."""

    kind: str
    id: str
    topic: str
    message: str
    at: datetime
    subscribe_url: str = ""


@dataclass(frozen=True)
class Topics:
    """The topics that are listened to."""

    arns: frozenset[str]
    server: str = AWS
    """Pattern of the addresses that SNS has."""

    def notification(self, document: Mapping[str, Any], keys: Keys, now: datetime) -> Notification:
        """The message; raises `RefusedTokenError` (signature), `DeniedError` (topic) or `InputError` (shape, time)."""
        kind = document.get("Type")
        if kind not in SIGNED or not isinstance(kind, str):
            raise InputError("the message is of no type that SNS sends")
        content = {name: document[name] for name in SIGNED[kind] if name in document}
        missing = [name for name in SIGNED[kind] if name not in content and name != "Subject"]
        if missing or not all(isinstance(value, str) for value in content.values()):
            raise InputError(f"the message lacks {', '.join(missing) or 'texts'}")
        certificate = self._certificate(document, keys, now)
        topic = content["TopicArn"]
        if topic not in self.arns:
            raise DeniedError("the topic is not one that is listened to", hint="MLMON_SNS_TOPICS", code="TOPIC")
        _verify(certificate, content, document)
        at = _time(content["Timestamp"])
        if not now - OLDEST <= at <= now + EARLIEST:
            raise InputError("the message's time is not near the present", code="TIME")
        return Notification(kind, content["MessageId"], topic, content["Message"], at, content.get("SubscribeURL", ""))

    def confirm(self, found: Notification) -> None:
        """Says that the topic shall send here, at SNS and nowhere else; raises `DeniedError`, `UnavailableError`."""
        import httpx

        url, place = found.subscribe_url, urlsplit(found.subscribe_url)
        asked = {name: values for name, values in parse_qs(place.query).items() if name in ("Action", "TopicArn")}
        known = re.fullmatch(self.server, f"{place.scheme}://{place.netloc}") and place.path in ("", "/")
        if not known or asked != {"Action": ["ConfirmSubscription"], "TopicArn": [found.topic]}:
            raise DeniedError("the address to confirm at is not one of SNS", code="SUBSCRIBE_URL")
        try:
            answer = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=False)
        except httpx.HTTPError as error:
            raise UnavailableError(f"SNS cannot be reached: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise UnavailableError(f"SNS answered {answer.status_code} to the confirmation")

    def _certificate(self, document: Mapping[str, Any], keys: Keys, now: datetime) -> Any:
        from cryptography import x509

        url = document.get("SigningCertURL")
        if not isinstance(url, str) or not re.fullmatch(self.server + CERTIFICATE, url):
            raise RefusedTokenError("the certificate is not at an address of SNS")
        content = keys.fetch(url)
        if content is None:
            raise RefusedTokenError("the certificate is unknown")
        try:
            found = x509.load_pem_x509_certificate(content)
        except ValueError:
            raise UnavailableError("the certificate of SNS cannot be read") from None
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise RefusedTokenError("the certificate is not valid now")
        return found


def _verify(certificate: Any, content: Mapping[str, str], document: Mapping[str, Any]) -> None:
    """Signature version 2 (SHA-256) only: version 1 is SHA-1."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    if document.get("SignatureVersion") != "2":
        raise RefusedTokenError("the message is not signed with SHA-256 (SignatureVersion 2 of the topic)")
    signed = "".join(f"{name}\n{value}\n" for name, value in content.items()).encode()
    try:
        signature = base64.b64decode(str(document.get("Signature", "")), validate=True)
        certificate.public_key().verify(signature, signed, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError, TypeError, AttributeError):
        raise RefusedTokenError("the signature is not one of SNS") from None


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise InputError("the message's time cannot be read", code="TIME") from None
    if found.tzinfo is None:
        raise InputError("the message's time has no zone", code="TIME")
    return found
