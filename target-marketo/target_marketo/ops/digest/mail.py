"""Mail by SMTP: encrypted, certificates checked, every wait bounded, every refusal noticed.

Headers hold constants, numbers and our own settings, never text of a record or a server: Python
3.11.7 turns some encoded words back into line breaks when it writes a header (CVE-2024-6923), so
the finished message is read again, and only sent if its headers are the ones that were meant.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from enum import StrEnum
from typing import TYPE_CHECKING

import idna

from target_marketo.governor.retries import full_jitter
from target_marketo.ops.errors import OpsError
from target_marketo.privacy import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from random import Random

PREFIX = "MARKETO_OPS_"
TIMEOUT_SECONDS = 30.0

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TRIES = 3
_HEADERS = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "References",
    "List-Id",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
)
_ADDRESS = re.compile(r"[^@\s<>,;:\"\\()\[\]]+@[^@\s<>,;:\"\\()\[\]]+")
_MAX_PORT = 65_535
# What a mail needs, and what stands there in .env.example.
_REQUIRED = {
    "SMTP_HOST": "smtp.example.com",
    "MAIL_FROM": "marketo-sync@example.com",
    "MAIL_TO": "marketing-operations@example.com",
}
_NOT_OK = 300


class MailError(OpsError):
    """The mail was not accepted; `passing` says that trying again may help."""

    def __init__(self, text: str, *, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


class Security(StrEnum):
    """How the connection is protected; `none` is for a server on this host."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True)
class MailSettings:
    """The mail server and the addresses, checked; domains are in their ASCII form."""

    host: str
    port: int
    security: Security
    username: str
    sender: str
    recipients: tuple[str, ...]
    password: str = field(repr=False, default="")

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> MailSettings:
        """Reads MARKETO_OPS_* variables.

        Raises:
            OpsError: The first thing that is wrong with them.
        """
        given = {
            name.removeprefix(PREFIX): value.strip()
            for name, value in variables.items()
            if name.startswith(PREFIX) and value.strip()
        }
        for name, example in _REQUIRED.items():
            if name not in given:
                raise OpsError(f"`{PREFIX}{name}` is missing: the digest needs it")
            if given[name] == example:
                raise OpsError(f"`{PREFIX}{name}` is still the example: put your own there")
        host = _ascii_domain("SMTP_HOST", given["SMTP_HOST"])
        security = given.get("SMTP_SECURITY", Security.STARTTLS)
        if security not in list(Security):
            known = ", ".join(Security)
            raise OpsError(f"`{PREFIX}SMTP_SECURITY` must be one of {known}")
        if security == Security.NONE and host not in _LOOPBACK:
            raise OpsError(
                f"`{PREFIX}SMTP_SECURITY` may be none for a server on this host only: "
                "use starttls or tls"
            )
        port = given.get("SMTP_PORT", "465" if security == Security.TLS else "587")
        if not port.isascii() or not port.isdigit() or not 0 < int(port) <= _MAX_PORT:
            raise OpsError(f"`{PREFIX}SMTP_PORT` must be a port number")
        if ("SMTP_USERNAME" in given) != ("SMTP_PASSWORD" in given):
            raise OpsError(f"`{PREFIX}SMTP_USERNAME` and `{PREFIX}SMTP_PASSWORD` belong together")
        recipients = tuple(
            _address("MAIL_TO", each) for each in given["MAIL_TO"].split(",") if each.strip()
        )
        return cls(
            host=host,
            port=int(port),
            security=Security(security),
            username=given.get("SMTP_USERNAME", ""),
            sender=_address("MAIL_FROM", given["MAIL_FROM"]),
            recipients=tuple(dict.fromkeys(recipients)),
            password=given.get("SMTP_PASSWORD", ""),
        )

    @property
    def domain(self) -> str:
        """The sender's, for Message-ID and List-Id."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True)
class Sent:
    """The server's answer: `refused` has a line for each recipient it did not accept."""

    accepted: int
    refused: tuple[str, ...] = ()


def is_configured(variables: Mapping[str, str]) -> bool:
    """Whether a digest is meant to be mailed at all."""
    return any(variables.get(f"{PREFIX}{name}") for name in ("SMTP_HOST", "MAIL_FROM", "MAIL_TO"))


def compose(
    settings: MailSettings, *, subject: str, text: str, html: str, message_id: str, date: datetime
) -> EmailMessage:
    """The digest as a message: text first, HTML beside it.

    Raises:
        MailError: A header would not arrive as it was meant.
    """
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address("Marketo operations", addr_spec=settings.sender)
    message["To"] = tuple(Address(addr_spec=each) for each in settings.recipients)
    message["Subject"] = _header_text(subject)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{message_id}@{settings.domain}>"
    message["References"] = f"<marketo-digest@{settings.domain}>"  # keeps all digests in a thread
    message["List-Id"] = f"<marketo-digest.{settings.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    _check_headers(message)
    return message


def send(
    settings: MailSettings,
    message: EmailMessage,
    *,
    random: Random,
    sleep: Callable[[float], None] = time.sleep,
) -> Sent:
    """Hands the message over; what is refused for now is tried again, to those refused only.

    Raises:
        MailError: Nobody's mail was accepted.
    """
    waiting = list(settings.recipients)
    refused: dict[str, int] = {}
    for attempt in range(_TRIES):
        last = attempt == _TRIES - 1
        try:
            answers = _deliver(settings, message, waiting)
        except MailError as error:
            if len(waiting) < len(settings.recipients):
                break  # the others have it: `refused` still says who has not
            if not error.passing or last:
                raise
        else:
            refused = {who: code for who, code in refused.items() if who not in waiting}
            refused |= {who: code for who, (code, _) in answers.items()}
            waiting = [who for who, code in refused.items() if _passes(code)]
            if not waiting or last:
                break
        sleep(full_jitter(attempt, base=4.0, cap=20.0, random=random))
    return Sent(
        len(settings.recipients) - len(refused),
        tuple(f"{mask(who)} ({code})" for who, code in refused.items()),
    )


def try_server(settings: MailSettings) -> None:
    """Signs in and names sender and recipients, without a message.

    Raises:
        MailError: What the server does not take.
    """
    with _session(settings) as server:
        server.ehlo_or_helo_if_needed()
        code, _ = server.mail(settings.sender)
        if code >= _NOT_OK:
            raise MailError(f"the mail server refuses the sender ({code}): check MAIL_FROM")
        refused = []
        for address in settings.recipients:
            code, _ = server.rcpt(address)
            if code >= _NOT_OK:
                refused.append(f"{mask(address)} ({code})")
        server.rset()
    if refused:
        raise MailError(f"the mail server refuses {', '.join(refused)}: check MAIL_TO")


def _deliver(
    settings: MailSettings, message: EmailMessage, recipients: Sequence[str]
) -> dict[str, tuple[int, bytes]]:
    with _session(settings) as server:
        return server.send_message(message, settings.sender, list(recipients))


@contextmanager
def _session(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted and signed in; every failure is a `MailError`.

    The server's own words are left out: they repeat addresses.
    """
    where = f"mail server {settings.host}:{settings.port}"
    try:
        server = _connect(settings)
        try:
            if settings.username:
                server.login(settings.username, settings.password)
            yield server
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
    except ssl.SSLCertVerificationError as error:
        raise MailError(
            f"{where}: its certificate is not to be trusted ({error.verify_message}): check "
            f"`{PREFIX}SMTP_HOST`"
        ) from None
    except ssl.SSLError as error:
        raise MailError(
            f"{where}: no encrypted connection ({error.reason}): check `{PREFIX}SMTP_PORT` and "
            f"`{PREFIX}SMTP_SECURITY`"
        ) from None
    except smtplib.SMTPAuthenticationError as error:
        raise MailError(
            f"{where}: user name or password refused ({error.smtp_code})",
            passing=_passes(error.smtp_code),
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise MailError(
            f"{where}: every recipient is refused ({', '.join(map(str, codes))}): check "
            f"`{PREFIX}MAIL_TO`",
            passing=all(map(_passes, codes)),
        ) from None
    except smtplib.SMTPResponseException as error:
        raise MailError(
            f"{where}: it refuses the mail ({error.smtp_code}): check `{PREFIX}MAIL_FROM` and the "
            "server's log",
            passing=_passes(error.smtp_code),
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise MailError(
            f"{where}: it offers no STARTTLS, no sign-in, or no mail to such addresses, and "
            "nothing is sent without: set `MARKETO_OPS_SMTP_SECURITY` as the server needs it"
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(
            f"{where}: no connection, or a broken one ({type(error).__name__})", passing=True
        ) from None


def _connect(settings: MailSettings) -> smtplib.SMTP:
    # Without a context, smtplib would encrypt for whoever answers.
    trusted = ssl.create_default_context()
    if settings.security is Security.TLS:
        return smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=TIMEOUT_SECONDS, context=trusted
        )
    server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
    if settings.security is Security.STARTTLS:
        try:
            server.starttls(context=trusted)  # raises where it is not offered
        except BaseException:
            server.close()
            raise
    return server


def _passes(code: int) -> bool:
    """SMTP: a 4xx is for now, a 5xx for good."""
    return 400 <= code < 500  # noqa: PLR2004 - the range is the definition


def _header_text(text: str) -> str:
    """Nothing that a header would read as more than text: no control, no encoded word."""
    return "".join(each for each in text if each.isprintable()).replace("=?", "= ?")


def _check_headers(message: EmailMessage) -> None:
    """Reads the message as it will be sent: each header once, and no other."""
    names = message_from_bytes(message.as_bytes(), policy=policy.compat32).keys()
    if sorted(name.lower() for name in names) != sorted(name.lower() for name in _HEADERS):
        raise MailError(
            "the mail's headers would not arrive as they were meant: nothing is sent; check "
            f"`{PREFIX}MAIL_FROM` and `{PREFIX}MAIL_TO`"
        )


def _address(name: str, value: str) -> str:
    address = parseaddr(value)[1] if "<" in value else value.strip()
    if not _ADDRESS.fullmatch(address) or "=?" in address or not address.isprintable():
        raise OpsError(f"`{PREFIX}{name}` must hold e-mail addresses, separated by commas")
    local, _, domain = address.rpartition("@")
    return f"{local}@{_ascii_domain(name, domain)}"


def _ascii_domain(name: str, domain: str) -> str:
    """Servers take a domain such as büro.example in its ASCII form only."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise OpsError(f"`{PREFIX}{name}` has an invalid domain") from None
