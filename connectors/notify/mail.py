"""
E-mail through the mail server of the environment.

Decided here: the connection is encrypted and the server's certificate checked, except on this machine; a message has one
Message-ID however often it is sent, by which mailboxes drop a second copy.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import formatdate

from connectors.errors import ConnectorError, Refused, TryLater, Unknown
from connectors.notices import MailServer, Notice
from settings.options import Option, OptionTable

OPTIONS = OptionTable(
    "email", (Option("email", required=True, says="Address of the person or list that is told."),), role="notifier"
)
SECONDS = 10.0
"""How long the server may take for each answer."""


class Mail:
    """One address."""

    def __init__(self, options: Mapping[str, object], mail: Callable[[], MailServer]) -> None:
        from connectors.reach import is_loopback

        self._to, self._server = str(options["email"]), mail()
        if self._server.tls == "off" and not is_loopback(self._server.host):
            raise Refused("E-mail without TLS goes to this machine only. Set PQL_SMTP_TLS to starttls or tls.", code="TLS")
        self.where = f"by {self._server.host}"

    def notify(self, notice: Notice) -> None:
        """Hand it to the server."""
        message = _message(notice, self._server.sender, self._to)
        server = self._connected()
        try:
            server.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as problem:
            raise _refused(problem) from None
        except (OSError, smtplib.SMTPException) as problem:
            said = "The connection to the mail server broke while sending. It may have been taken."
            raise Unknown(said, code=type(problem).__name__) from None
        finally:
            _quit(server)

    def _connected(self) -> smtplib.SMTP:
        """A connection that is encrypted and logged in; nothing was sent."""
        context = ssl.create_default_context()
        here = self._server
        server: smtplib.SMTP | None = None
        try:
            if here.tls == "tls":
                server = smtplib.SMTP_SSL(here.host, here.port, timeout=SECONDS, context=context)
            else:
                server = smtplib.SMTP(here.host, here.port, timeout=SECONDS)
            if here.tls == "starttls":
                server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
            if here.user:
                server.login(here.user, here.password)
        except (OSError, smtplib.SMTPException) as problem:
            if server is not None:
                server.close()
            raise _unreachable(problem) from None
        return server


def _message(notice: Notice, sender: str, to: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(notice.subject.split())  # a header is one line
    message["From"], message["To"] = sender, to
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{notice.id}@pqlsync.invalid>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence note answers
    message.set_content(notice.text)
    return message


def _unreachable(problem: Exception) -> ConnectorError:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return Refused(
            "The mail server's certificate is not trusted. Correct PQL_SMTP_HOST, or its certificate.", code="TLS"
        )
    if isinstance(problem, smtplib.SMTPNotSupportedError):
        return Refused("The mail server offers no STARTTLS or no login. Look at PQL_SMTP_TLS and PQL_SMTP_PORT.", code="TLS")
    if isinstance(problem, smtplib.SMTPAuthenticationError):
        return Refused("The mail server refuses the login. Check PQL_SMTP_USER and PQL_SMTP_PASSWORD.", code="LOGIN")
    return TryLater("The mail server does not answer as it should; nothing was sent.", code=type(problem).__name__)


def _refused(problem: smtplib.SMTPException) -> ConnectorError:
    """The server said no: for now (4xx) or for good."""
    codes = [code for code, _ in problem.recipients.values()] if isinstance(problem, smtplib.SMTPRecipientsRefused) else []
    code = codes[0] if codes else int(getattr(problem, "smtp_code", 500))
    if 400 <= code < 500:
        return TryLater(f"The mail server takes no e-mail now ({code}); nothing was sent.", code=str(code))
    return Refused(f"The mail server refuses this e-mail ({code}). Check the address and PQL_SMTP_FROM.", code=str(code))


def _quit(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()
