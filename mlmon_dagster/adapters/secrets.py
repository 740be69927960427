"""Secrets by reference: `env:NAME` or `secretsmanager:ID`; a reference may be shown, what it leads to never."""

import os
import re

from mlmon_dagster.errors import InputError, UnavailableError

REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|secretsmanager:[A-Za-z0-9/_+=.@:-]+(#[A-Za-z0-9_.-]+)?)$"
"""What a reference looks like; `#key` picks one value of a secret that is a JSON object."""


def is_reference(text: str) -> bool:
    """Whether the text refers to a secret."""
    return re.match(REFERENCE, text) is not None


def secret(reference: str) -> str:
    """What the reference leads to; `InputError` for no reference, `UnavailableError` when nothing is there."""
    if not is_reference(reference):
        raise InputError("expected a reference to a secret: env:NAME or secretsmanager:ID")
    kind, _, name = reference.partition(":")
    found = os.environ.get(name, "").strip() if kind == "env" else _managed(name)
    if not found:
        raise UnavailableError(f"the secret {reference} is not set")
    return found


def _managed(name: str) -> str:
    import json

    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    id, _, key = name.partition("#")
    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=id)
        text = str(answer.get("SecretString", ""))
        return str(json.loads(text)[key]) if key else text
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"the secret secretsmanager:{id} cannot be read: {type(error).__name__}") from error
    except (ValueError, KeyError, TypeError):
        raise UnavailableError(f"the secret secretsmanager:{id} is no JSON object with the key {key}") from None
