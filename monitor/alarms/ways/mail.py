"""E-mail through a mail server with STARTTLS. Owns the mail; refuses to send in clear text what should be encrypted."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate

import structlog

from monitor.alarms.ways.base import Event, Refused, Unreached, brief, headline, read_secret, tls_context
from monitor.config import EmailSettings
from monitor.domain import Alarm

log = structlog.get_logger("alarms")


class MailWay:
    """Sends each event as a mail, with the picture."""

    def __init__(self, settings: EmailSettings) -> None:
        self.settings = settings

    def send(self, event: Event) -> str:
        """Hand the mail to the server; its acceptance for one address at least is a receipt."""
        mail, where = self._mail(event), f"{self.settings.host}:{self.settings.port}"
        try:
            with smtplib.SMTP(self.settings.host, self.settings.port, timeout=self.settings.timeout_s) as server:
                self._open(server)
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise Refused(f"{where}: refused {', '.join(error.recipients)}", cure="correct `to`") from error
        except smtplib.SMTPResponseException as error:
            kind = Refused if error.smtp_code >= 500 else Unreached
            raise kind(f"{where}: {error.smtp_code} {_text(error)}", cure="look at the mail server's log") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unreached(f"{where}: {error or type(error).__name__}", cure="look at the mail server") from error
        if refused:  # sent again, it would come twice to those who have it
            log.warning("mail does not reach everyone", way=self.settings.name, refused=sorted(refused))
        taken = ", ".join(address for address in self.settings.to if address not in refused)
        return f"{where}: took the mail to {taken}" + (f", refused {', '.join(refused)}" if refused else "")

    def state(self, alarms: Sequence[Alarm]) -> None:
        """A mail has no place for it."""

    def close(self) -> None:
        """Every mail has a connection of its own."""

    def _open(self, server: smtplib.SMTP) -> None:
        if self.settings.starttls:
            server.starttls(context=tls_context(self.settings.ca_file))
        if self.settings.username and self.settings.password:
            server.login(self.settings.username, read_secret(self.settings.password))

    def _mail(self, event: Event) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = headline(event)
        mail["From"] = self.settings.sender
        mail["To"] = ", ".join(self.settings.to)
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{event.id}@{self.settings.sender.rpartition('@')[2]}>"
        mail.set_content(_words(event))
        if event.picture:
            mail.add_attachment(event.picture, "image", "png", filename=f"{event.alarm.id}.png")
        return mail


def _words(event: Event) -> str:
    said = {key: value for key, value in brief(event.alarm).items() if value not in (None, "")}
    lines = [headline(event), event.alarm.reading.reason, ""]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in said.items()), ""])


def _text(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
