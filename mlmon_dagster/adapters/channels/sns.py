"""The channel `sns`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mlmon_dagster.adapters.channels._post import ATTEMPTS, AtLeast, Seconds
from mlmon_dagster.errors import UnavailableError
from mlmon_dagster.pipeline.places import not_inside


@dataclass(frozen=True)
class Sns:
    """Publishes alerts to an Amazon SNS topic; severity, pipeline and environment are attributes to filter by.

    Credentials and region are the process's own (role, profile, AWS_... variables); the region follows from the topic.
    """

    topic: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+(\.fifo)?$")]
    endpoint: (
        Annotated[str, Field(pattern=r"^https?://\S+$", description="another address"), AfterValidator(not_inside)]
        | None
    ) = None
    timeout_seconds: Seconds = 5.0
    at_least: AtLeast = "info"

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Returns once SNS has accepted the message; `UnavailableError` says why it did not."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        patience = Config(
            retries={"max_attempts": ATTEMPTS, "mode": "standard"},
            connect_timeout=self.timeout_seconds,
            read_timeout=self.timeout_seconds,
        )
        told = {name: str(facts[name]) for name in ("severity", "pipeline", "environment") if facts.get(name)}
        fifo = {"MessageGroupId": "mlmon", "MessageDeduplicationId": str(facts.get("id"))}
        try:
            client = boto3.client(
                "sns", region_name=self.topic.split(":")[3], endpoint_url=self.endpoint, config=patience
            )
            client.publish(
                TopicArn=self.topic,
                Subject=_subject(title),
                Message=json.dumps({"title": title, "body": body, "facts": dict(facts)}, ensure_ascii=False),
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in told.items()},
                **(fifo if self.topic.endswith(".fifo") else {}),
            )
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise UnavailableError(f"sns {self.topic}: {code}, the alert was not delivered") from error


def _subject(title: str) -> str:
    """At most 100 printable ASCII characters, which is what a subject may be."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in title)[:100]
