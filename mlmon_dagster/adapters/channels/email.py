"""The channel `email`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Annotated, Any, Literal

from pydantic import Field

from mlmon_dagster.adapters.channels._post import ATTEMPTS, PAUSE_SECONDS, AtLeast, Reference, Seconds
from mlmon_dagster.adapters.secrets import secret
from mlmon_dagster.errors import UnavailableError

MailAddress = Annotated[str, Field(pattern=r"^[^@\s,<>]+@[^@\s,<>]+$", max_length=254)]


@dataclass(frozen=True)
class Email:
    """Sends alerts by e-mail over SMTP, encrypted unless told otherwise; the password is a reference."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1, description="who gets it")]
    sender: Annotated[MailAddress, Field(description="who it is from")]
    host: Annotated[str, Field(min_length=1, description="the mail server")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Annotated[Literal["starttls", "tls", "none"], Field(description="how it is encrypted")] = "starttls"
    user: Annotated[str | None, Field(description="name to log in with")] = None
    password: Reference | None = None
    timeout_seconds: Seconds = 10.0
    at_least: AtLeast = "info"

    def __post_init__(self) -> None:
        if (self.user is None) != (self.password is None):
            raise ValueError("email: `user` and `password` come together")
        if self.password is not None and self.security == "none":
            raise ValueError("email: a password is not sent readable: use `security: starttls` or `tls`")

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Returns once the mail server has accepted it for everybody; `UnavailableError` says why it did not."""
        import smtplib

        message, failure = self._message(title, body, facts), ""
        password = secret(self.password) if self.password else ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS * 2**attempt)
            try:
                refused = self._hand_over(message, password)
            except smtplib.SMTPRecipientsRefused as error:
                failure = f"refused {', '.join(sorted(error.recipients))}"
                if all(code >= 500 for code, _ in error.recipients.values()):
                    break
            except smtplib.SMTPResponseException as error:
                failure = f"answered {error.smtp_code}"
                if error.smtp_code >= 500:
                    break
            except (OSError, smtplib.SMTPException) as error:
                failure = type(error).__name__
            else:
                if not refused:
                    return
                failure = f"refused {', '.join(refused)}"
                break
        raise UnavailableError(f"email {self.host}: {failure}, the alert was not delivered")

    def _message(self, title: str, body: str, facts: Mapping[str, Any]) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = " ".join(f"[{facts.get('severity') or 'alert'}] {title}".split())
        message["X-Mlmon-Alert"] = str(facts.get("id"))
        lines = [body, "", *(f"{name}: {value}" for name, value in facts.items() if value)]
        message.set_content("\n".join(lines))
        return message

    def _hand_over(self, message: EmailMessage, password: str) -> list[str]:
        """Hands the message to the server; who was refused."""
        import smtplib
        import ssl

        context = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)
        with server:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user is not None:
                server.login(self.user, password)
            return sorted(server.send_message(message))
