"""What `init` asks, in its order. Each question is an option, too."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """One setting. A secret is typed unseen; as an option it names a file, or is - for stdin."""

    variable: str
    option: str
    text: str
    secret: bool = False
    default: str = ""


class Section(NamedTuple):
    """Questions that are tried together; no answer to the first leaves an optional one out."""

    name: str
    about: str
    questions: tuple[Question, ...]
    optional: bool = True


ENDPOINT, IDENTITY = "TARGET_MARKETO_ENDPOINT", "TARGET_MARKETO_IDENTITY"
MUNCHKIN_ID = "TARGET_MARKETO_MUNCHKIN_ID"

LIVECHAT = Section(
    "LiveChat",
    "Developer Console > Tools > Personal Access Tokens, scope chats--all:ro",
    (
        Question("TAP_LIVECHAT_ACCOUNT_ID", "livechat-account-id", "Account ID"),
        Question(
            "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN",
            "livechat-token",
            "Personal access token",
            secret=True,
        ),
        Question("TAP_LIVECHAT_START_DATE", "start-date", "Read chats since"),
    ),
)
MARKETO = Section(
    "Marketo",
    "Admin > Web Services; of the client: Admin > LaunchPoint > View Details",
    (
        Question(ENDPOINT, "endpoint", "REST endpoint, or Munchkin ID (123-ABC-456)"),
        Question("TARGET_MARKETO_CLIENT_ID", "client-id", "Client ID"),
        Question("TARGET_MARKETO_CLIENT_SECRET", "client-secret", "Client secret", secret=True),
    ),
    optional=False,
)
MAIL = Section(
    "Mail",
    "For the daily digest of errors; nothing is sent now",
    (
        Question("MARKETO_OPS_SMTP_HOST", "smtp-host", "Mail server"),
        Question(
            "MARKETO_OPS_SMTP_SECURITY", "smtp-security", "starttls or tls", default="starttls"
        ),
        Question("MARKETO_OPS_SMTP_PORT", "smtp-port", "Port (587, or 465 with tls)"),
        Question("MARKETO_OPS_SMTP_USERNAME", "smtp-username", "User name, if it wants one"),
        Question("MARKETO_OPS_SMTP_PASSWORD", "smtp-password", "Password", secret=True),
        Question("MARKETO_OPS_MAIL_FROM", "mail-from", "Sender"),
        Question("MARKETO_OPS_MAIL_TO", "mail-to", "Recipients, separated by commas"),
    ),
)
SECTIONS = (LIVECHAT, MARKETO, MAIL)
ALL = tuple(question for section in SECTIONS for question in section.questions)
NOT_WITHOUT = {"MARKETO_OPS_SMTP_PASSWORD": "MARKETO_OPS_SMTP_USERNAME"}
"""Questions that are asked only if another one has an answer."""
