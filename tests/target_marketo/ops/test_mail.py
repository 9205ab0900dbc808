"""Mail to a real SMTP server: encrypted or not sent, refusals noticed, no header forged."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.ops.digest import mail
from target_marketo.ops.digest.mail import MailError, MailSettings, compose, send
from target_marketo.ops.errors import OpsError
from tests.sandbox.mailbox import Mailbox

from .conftest import MailServer, mail_variables

if TYPE_CHECKING:
    from email.message import EmailMessage

AT = datetime(2026, 11, 20, 7, tzinfo=UTC)

PASSWORD = "planted-smtp-password"


def settings(mailbox: Mailbox, security: str = "starttls", **more: str) -> MailSettings:
    return MailSettings.of(mail_variables(mailbox, security, **more))


def message(given: MailSettings, subject: str = "[marketo prod] 1 new") -> EmailMessage:
    return compose(
        given, subject=subject, text="text ü", html="<p>html ü</p>", message_id="abc", date=AT
    )


def deliver(given: MailSettings, waits: list[float] | None = None) -> mail.Sent:
    slept = [] if waits is None else waits
    return send(given, message(given), random=Random(1), sleep=slept.append)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives_encrypted_with_both_parts_text_first(
    mail_server: MailServer, security: str
) -> None:
    mailbox = mail_server.start(security)

    sent = deliver(settings(mailbox, security))

    assert sent == mail.Sent(2)
    (found,) = mailbox.messages
    assert mailbox.recipients == [["ann@ops.test", "bob@ops.test"]]
    assert found["Message-ID"] == "<abc@ops.test>"
    assert found["Auto-Submitted"] == "auto-generated"
    kinds = [part.get_content_type() for part in found.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]
    body = found.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "text ü"


def test_without_encryption_only_to_this_host(mail_server: MailServer) -> None:
    mailbox = mail_server.start("none")

    assert deliver(settings(mailbox, "none")).accepted == 2
    with pytest.raises(OpsError, match="on this host only"):
        settings(mailbox, "none", MARKETO_OPS_SMTP_HOST="mail.example.com")


def test_a_server_without_starttls_gets_no_mail(mail_server: MailServer) -> None:
    mailbox = mail_server.start("none")

    with pytest.raises(MailError, match="offers no STARTTLS"):
        deliver(settings(mailbox))
    assert mailbox.messages == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_for_another_name_gets_no_mail(
    mail_server: MailServer, security: str
) -> None:
    mailbox = mail_server.start(security, name="other.example.com")

    with pytest.raises(MailError, match="certificate is not to be trusted"):
        deliver(settings(mailbox, security))
    assert mailbox.messages == []


def test_a_certificate_of_an_unknown_authority_gets_no_mail(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = mail_server.start()
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(MailError, match="certificate is not to be trusted"):
        deliver(settings(mailbox))


def test_tls_where_the_server_speaks_plain_is_one_line(mail_server: MailServer) -> None:
    mailbox = mail_server.start("none")

    with pytest.raises(MailError, match=r"SMTP_SECURITY|no connection"):
        deliver(settings(mailbox, "tls"))


def test_a_recipient_who_is_refused_among_others_is_noticed(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    mailbox.refused["bob@ops.test"] = ["550 no such user"]

    sent = deliver(settings(mailbox))

    assert sent == mail.Sent(1, ("b***@o***.test (550)",))
    assert mailbox.recipients == [["ann@ops.test"]]


def test_a_recipient_who_is_refused_for_now_is_tried_again_alone(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    mailbox.refused["bob@ops.test"] = ["451 greylisted"]
    waits: list[float] = []

    sent = deliver(settings(mailbox), waits)

    assert sent == mail.Sent(2)
    assert mailbox.recipients == [["ann@ops.test"], ["bob@ops.test"]]
    assert len(waits) == 1


def test_one_refused_for_good_and_one_for_now_are_both_reported(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    mailbox.refused["bob@ops.test"] = ["550 no such user"]
    mailbox.refused["eve@ops.test"] = ["451 greylisted"] * 3

    sent = deliver(settings(mailbox, MARKETO_OPS_MAIL_TO="ann@ops.test,bob@ops.test,eve@ops.test"))

    assert sent.accepted == 1
    assert sorted(sent.refused) == ["b***@o***.test (550)", "e***@o***.test (451)"]


def test_a_passing_refusal_of_the_mail_is_tried_again_a_final_one_is_not(
    mail_server: MailServer,
) -> None:
    mailbox = mail_server.start()
    mailbox.on_data = ["451 try later"]
    assert deliver(settings(mailbox)).accepted == 2

    mailbox.on_data = ["554 no"] * 2
    with pytest.raises(MailError, match="refuses the mail"):
        deliver(settings(mailbox))
    assert len(mailbox.on_data) == 1, "asked once"


def test_nobody_accepted_is_a_failure(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    mailbox.refused = {name: ["550 no"] for name in ("ann@ops.test", "bob@ops.test")}

    with pytest.raises(MailError, match="every recipient is refused"):
        deliver(settings(mailbox))


def test_a_server_that_is_down_is_tried_three_times(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    mail_server.stop()
    waits: list[float] = []

    with pytest.raises(MailError, match="no connection"):
        deliver(settings(mailbox), waits)
    assert len(waits) == 2


def test_domains_of_any_script_are_sent_in_their_ascii_form(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    given = settings(
        mailbox,
        MARKETO_OPS_MAIL_FROM="Sync <sync@bücher.test>",
        MARKETO_OPS_MAIL_TO="ann@straße.test",
    )

    assert deliver(given).accepted == 1
    assert mailbox.recipients == [["ann@xn--strae-oqa.test"]]
    assert str(mailbox.messages[0]["Message-ID"]).endswith("@xn--bcher-kva.test>")


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?a=0D=0ABcc:_evil=40example.com?=",
        "a\r\nBcc: evil@example.com",
        "a\u2028Bcc: evil@example.com",
        "a\x00b",
        "x" * 2000,
        "=?utf-8?b?YQ0KQmNjOiBldmlsQGV4YW1wbGUuY29t?=",
    ],
)
def test_no_subject_can_forge_a_header(mail_server: MailServer, subject: str) -> None:
    given = settings(mail_server.start())

    raw = message(given, subject).as_bytes()

    names = [name.lower() for name in message_from_bytes(raw).keys()]  # noqa: SIM118 - headers may repeat
    assert "bcc" not in names
    assert len(names) == len(set(names)) == 11


def test_a_header_that_would_be_forged_all_the_same_is_not_sent(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CVE itself, with the cleaning switched off: reading the message again stops it."""
    given = settings(mail_server.start())
    monkeypatch.setattr(mail, "_header_text", lambda text: text)
    forged = "=?utf-8?q?a=0D=0ABcc:_evil=40example.com?="
    try:
        found = message(given, forged)
    except MailError as error:
        assert "nothing is sent" in str(error)  # noqa: PT017 - a mended Python raises nothing
    else:
        assert "bcc" not in [name.lower() for name in message_from_bytes(found.as_bytes()).keys()]  # noqa: SIM118 - as above


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SMTP_HOST": ""}, "SMTP_HOST` is missing"),
        ({"MAIL_FROM": "nobody"}, "must hold e-mail addresses"),
        ({"MAIL_TO": "a@ops.test\r\nBcc: e@ops.test"}, "must hold e-mail addresses"),
        ({"MAIL_TO": "=?utf-8?q?a?=@ops.test"}, "must hold e-mail addresses"),
        ({"SMTP_SECURITY": "ssl"}, "one of starttls, tls, none"),
        ({"SMTP_PORT": "many"}, "must be a port number"),
        ({"SMTP_PASSWORD": PASSWORD}, "belong together"),
        ({"SMTP_HOST": "smtp.example.com"}, "`MARKETO_OPS_SMTP_HOST` is still the example"),
        ({"MAIL_TO": "marketing-operations@example.com"}, "_MAIL_TO` is still the example"),
    ],
)
def test_a_wrong_setting_is_one_line_without_its_value(changed: dict[str, Any], said: str) -> None:
    given = mail_variables(Mailbox(25))
    given |= {f"MARKETO_OPS_{name}": value for name, value in changed.items()}

    with pytest.raises(OpsError) as caught:
        MailSettings.of(given)

    assert said in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_password_is_never_shown(mail_server: MailServer) -> None:
    mailbox = mail_server.start()
    given = settings(mailbox, MARKETO_OPS_SMTP_USERNAME="u", MARKETO_OPS_SMTP_PASSWORD=PASSWORD)

    with pytest.raises(MailError) as caught:  # this server knows no sign-in
        deliver(given)

    assert PASSWORD not in repr(given) + str(caught.value)
