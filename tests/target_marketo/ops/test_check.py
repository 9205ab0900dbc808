"""`marketo-ops check`: each line can turn red, with its cure, and none hides another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.marketo.options import Partition

from .conftest import MailServer, Ops, Store, mail_variables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.sandbox.marketo.client import MarketoSandbox


@pytest.fixture
def tap(livechat_account: LiveChatSandbox) -> dict[str, str]:
    """The settings of the tap."""
    return {
        "TAP_LIVECHAT_API_URL": livechat_account.api_url,
        "TAP_LIVECHAT_ACCOUNTS_URL": livechat_account.accounts_url,
        "TAP_LIVECHAT_ACCOUNT_ID": livechat_account.account_id,
        "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN": livechat_account.personal_access_token,
    }


def lines(ops: Ops, **variables: str) -> dict[str, tuple[str, str]]:
    """Subject -> colour and text; of several lines of one subject the last."""
    found = ops.json("check", **variables)
    return {line["subject"]: (line["colour"], line["text"]) for line in found["lines"]}


def test_all_is_well_with_a_tick_each_and_its_cost(
    ops: Ops,
    tap: dict[str, str],
    livechat_account: LiveChatSandbox,
    mail_server: MailServer,
    marketo: MarketoSandbox,
) -> None:
    livechat_account.reset()
    mailbox = mail_server.start()

    checked = ops("check", **tap, **mail_variables(mailbox))

    assert checked.exit_code == 0, checked.output
    assert "✗" not in checked.output
    assert checked.output.count("✓") == 12
    assert "5 calls to Marketo and 2 billed requests" in checked.output
    assert livechat_account.counts()["billed"] == 2
    assert mailbox.messages == [], "the mail server is asked, nobody is mailed"
    assert marketo.leads() == []


def test_what_is_not_set_up_is_grey_and_not_red(ops: Ops) -> None:
    found = lines(ops)

    assert found["LiveChat"][0] == "grey"
    assert found["mail server"][0] == "grey"


@pytest.mark.parametrize(
    ("variables", "subject", "said"),
    [
        ({"CLIENT_SECRET": "planted-client-secret"}, "Marketo credentials", "copy both again"),
        ({"CLIENT_SECRET": ""}, "target settings", "`client_secret` is missing"),
        ({"ENDPOINT": "http://marketo.example.com"}, "target settings", "https://"),
        ({"ENDPOINT": "{url}/wrong"}, "Marketo endpoint and quota", "610"),
        ({"STORE_URL": "sqlite:////proc/x.sqlite"}, "store", "store sqlite"),
        ({"STREAMS": '{"visitors": {"key": "leadSource", "fields": {"email": "email"}}}'},
         "fields of visitors", "cannot search"),
        ({"STREAMS": "{"}, "target settings", "must be a JSON object"),
        ({"RATE_LIMIT_CALLS": "many"}, "target settings", "must be a whole number"),
        ({"PARTITION_NAME": "Europe"}, "partition", "not one of the instance's: Default"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_red_with_its_cure(
    ops: Ops, marketo: MarketoSandbox, variables: dict[str, str], subject: str, said: str
) -> None:
    given = {
        f"TARGET_MARKETO_{name}": value.replace("{url}", marketo.url)
        for name, value in variables.items()
    }

    colour, text = lines(ops, **given)[subject]

    assert colour == "red"
    assert said in text
    assert ops("check", **given).exit_code == 1


@pytest.mark.parametrize("form", ["{url}", "{url}/", "{url}/rest", "{url}/rest/"])
def test_the_endpoint_may_be_given_with_and_without_rest(
    ops: Ops, marketo: MarketoSandbox, form: str
) -> None:
    found = lines(ops, TARGET_MARKETO_ENDPOINT=form.replace("{url}", marketo.url))

    assert found["Marketo endpoint and quota"][0] == "green"


def test_every_wrong_field_is_named_with_the_nearest_one(ops: Ops) -> None:
    fields = {"emial": "email", "firstName": "x", "company": "y", "createdAt": "z"}
    streams = json.dumps({"visitors": {"fields": fields}})

    found = ops.json("check", TARGET_MARKETO_STREAMS=streams)

    texts = [each["text"] for each in found["lines"] if each["subject"] == "fields of visitors"]
    assert len(texts) == 2
    assert "did you mean `email`?" in texts[0]
    assert "read-only" in texts[1]


@pytest.mark.parametrize(
    ("denied", "subject"),
    [("lookup", "permission to read people"), ("sync", "permission to write people"),
     ("describe", "fields"), ("partitions", "partition")],
)  # fmt: skip
def test_a_permission_that_lacks_is_named(
    ops: Ops, marketo: MarketoSandbox, denied: str, subject: str
) -> None:
    marketo.set_options(denied_calls=(denied,))

    colour, text = lines(ops)[subject]

    assert colour == ("amber" if denied == "partitions" else "red")
    assert "give the API user's role the permission" in text


def test_several_partitions_and_none_chosen_is_worth_a_look(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    marketo.set_options(
        partitions=[
            {"id": each.id, "name": each.name}
            for each in (Partition(id=1, name="Default"), Partition(id=2, name="Europe"))
        ]
    )

    assert lines(ops)["partition"][0] == "amber"
    assert lines(ops, TARGET_MARKETO_PARTITION_NAME="Europe")["partition"][0] == "green"


def test_a_quota_that_is_nearly_spent_and_one_that_is(ops: Ops, marketo: MarketoSandbox) -> None:
    marketo.other_calls(39_000)
    assert lines(ops)["daily calls"][0] == "amber"
    marketo.other_calls(11_000)
    colour, text = lines(ops)["Marketo endpoint and quota"]

    assert colour == "red"
    assert "607" in text
    assert "wait until midnight US Central" in text


def test_livechat_is_tried_by_the_tap_itself_and_its_lines_are_reported(
    ops: Ops, tap: dict[str, str], livechat_account: LiveChatSandbox
) -> None:
    well = lines(ops, **tap)
    livechat_account.change(scopes=["agents--all:ro"])
    try:
        scopes = lines(ops, **tap)["LiveChat scopes"]
    finally:
        livechat_account.change(scopes=["chats--all:ro", "customers:ro"])
    refused = lines(ops, **tap | {"TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN": "planted-other-token"})

    assert {subject: colour for subject, (colour, _) in well.items() if "LiveChat" in subject} == {
        "LiveChat token": "green",
        "LiveChat scopes": "grey",  # all streams are selected here, and two requests try not all
        "LiveChat account": "green",
        "LiveChat clock": "green",
    }
    assert scopes[0] in {"amber", "red"}
    assert "chats--all:ro" in scopes[1]
    assert refused["LiveChat token"][0] == "red"


def test_a_tap_that_is_not_there_or_says_nothing_is_reported(
    ops: Ops, tap: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    nowhere = {"PATH": str(tmp_path), **tap}

    absent = lines(ops, **nowhere)["LiveChat"]
    command = tmp_path / "tap-livechat"
    command.write_text("#!/bin/sh\necho hello\n")
    command.chmod(0o755)
    mute = lines(ops, **nowhere)["LiveChat"]

    assert (absent[0], "tap-livechat is neither beside" in absent[1]) == ("grey", True)
    assert (mute[0], "--check=json says nothing readable" in mute[1]) == ("red", True)


def test_a_store_that_others_may_read_is_mended_or_reported(ops: Ops, store: Store) -> None:
    store.path.touch(mode=0o644)
    store.path.chmod(0o644)

    assert lines(ops)["store"][0] == "green"
    assert store.path.stat().st_mode & 0o077 == 0, "opening it closes it to others"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SMTP_SECURITY": "none", "SMTP_HOST": "mail.example.com"}, "on this host only"),
        ({"SMTP_PORT": "9"}, "no connection"),
        ({"MAIL_TO": ""}, "`MARKETO_OPS_MAIL_TO` is missing"),
        ({"MAIL_TO": "ann@ops.test, nobody@ops.test"}, "refuses n***@o***.test (550)"),
    ],
)
def test_the_mail_server_turns_red_with_its_cure(
    ops: Ops, mail_server: MailServer, changed: dict[str, Any], said: str
) -> None:
    mailbox = mail_server.start()
    mailbox.refused["nobody@ops.test"] = ["550 no such user"]
    given = mail_variables(mailbox)
    given |= {f"MARKETO_OPS_{name}": value for name, value in changed.items()}

    colour, text = lines(ops, **given)["mail server"]

    assert colour == "red"
    assert said in text


def test_on_a_terminal_long_lines_go_on_under_their_text(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    shown = ops("check", COLUMNS="60").output

    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    tried, _, _ = plain.partition("\n\n")
    lines_shown = tried.splitlines()
    assert all(len(line) <= 60 for line in lines_shown)
    assert {line[:2] for line in lines_shown} <= {"✓ ", "! ", "- ", "  "}
    assert any(line.startswith("  ") for line in lines_shown)
