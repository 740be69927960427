"""An office that listens to webhooks: of GitHub for one connected repository, of SNS for one topic."""

from dataclasses import replace
from datetime import timedelta

from api_office import Api
from governed import START, Declared
from providers import Provider

from mlmon_dagster.lifecycle.repositories import connect_repository
from mlmon_dagster.web.webhooks import read_webhooks

SECRET = "a-secret-of-thirty-two-characters"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
REPOSITORY = {"id": 4711, "full_name": "acme/prices", "default_branch": "main"}

CERTIFICATE = "/SimpleNotificationService-0123456789abcdef.pem"
"""Where SNS keeps the certificate of what it signs."""


def listening(api: Api, sender: Provider) -> Api:
    """With one connected repository, whose pipeline has a gate that asks for the status `ci`."""
    one = api.ours.pipeline
    prod = one.stages.model_deployment.prod
    assert prod is not None
    deployment = replace(one.stages.model_deployment, prod=replace(prod, gate=replace(prod.gate, statuses=("ci",))))
    stages = replace(
        one.stages,
        model_deployment=deployment,
        cicd_enforcement=replace(one.stages.cicd_enforcement, repository="acme/prices"),
    )
    ours = Declared(replace(one, stages=stages), api.ours.digest)
    environ = {
        "MLMON_GITHUB_WEBHOOK_SECRET": SECRET,
        "MLMON_SNS_TOPICS": TOPIC,
        "MLMON_SNS_URL": sender.url,
    }
    premises = replace(api.web.premises, pipelines=lambda: {"prices": ours})
    api.app.state.web = replace(api.web, premises=premises, webhooks=read_webhooks(environ))
    connect_repository(api.governance, "4711", "acme/prices", "main", actor="root")
    return replace(api, web=api.app.state.web, ours=ours)


def certificate(sender: Provider) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(sender.rsa_key.public_key())
    made = made.serial_number(1).not_valid_before(START - timedelta(days=1)).not_valid_after(START + timedelta(days=9))
    return made.sign(sender.rsa_key, SHA256()).public_bytes(Encoding.PEM)
