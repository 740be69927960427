"""Providers of identity on this machine: GitHub's web flow and interface, and key sets, speaking the real protocol."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from answering import Asked, Said, answering
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


@dataclass
class Provider:
    """One server that is GitHub, a load balancer's key server and the issuer of workflow tokens."""

    url: str = ""
    user: dict[str, Any] = field(default_factory=lambda: {"id": 583231, "login": "Octocat", "type": "User"})
    organisations: list[str] = field(default_factory=lambda: ["acme"])
    teams: list[str] = field(default_factory=lambda: ["acme/pricing"])
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    documents: dict[str, bytes] = field(default_factory=dict)
    """Served as they are, by path."""
    rsa_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    ec_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def authorize(self, url: str) -> str:
        """The person consents in the browser; where GitHub sends the browser to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = secrets.token_hex(10)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def exchange(self, body: dict[str, str]) -> dict[str, str]:
        """A code counts once, for the app, address and verifier that it was given for; GitHub says errors with 200."""
        asked = self.codes.pop(body.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body.get("code_verifier", "").encode()).digest())
        good = (
            asked is not None
            and (body.get("client_id"), body.get("client_secret")) == ("app", "app-secret")
            and body.get("redirect_uri") == asked["redirect_uri"]
            and challenge.rstrip(b"=").decode() == asked["code_challenge"]
        )
        if not good:
            return {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens.add(token)
        return {"access_token": token, "token_type": "bearer", "scope": "read:org"}

    def about(self, path: str) -> Any:
        """What the holder of a token is told."""
        if path == "/user":
            return self.user
        if path == "/user/memberships/orgs":
            return [{"state": "active", "organization": {"login": name}} for name in self.organisations]
        if path == "/user/teams":
            named = [name.split("/") for name in self.teams]
            return [{"slug": slug, "organization": {"login": organisation}} for organisation, slug in named]
        return None

    @property
    def public_pem(self) -> bytes:
        """The load balancer's key."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.ec_key.public_key().public_bytes(serialization.Encoding.PEM, kind)

    def key_set(self, kid: str) -> bytes:
        """The issuer's key set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.rsa_key.public_key()))
        return json.dumps({"keys": [{**key, "kid": kid, "alg": "RS256", "use": "sig"}]}).encode()


JSON = {"Content-Type": "application/json"}


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that listens on 127.0.0.1."""
    one = Provider()

    def answer(asked: Asked) -> Said:
        one.asked.append(asked.path)
        if asked.method == "POST":
            return Said(200, one.exchange(asked.body), JSON)
        if asked.path in one.documents:
            return Said(200, one.documents[asked.path], JSON)
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in one.tokens:
            unknown = "keys" in asked.path or "well-known" in asked.path
            return Said(404 if unknown else 401, {"message": "Bad credentials"}, JSON)
        found = one.about(asked.path)
        return Said(200 if found is not None else 404, found, JSON)

    with answering(answer) as one.url:
        yield one
