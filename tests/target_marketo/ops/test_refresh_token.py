"""`marketo-ops check` signs in with the tap's refresh token, and never costs the tap its token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_livechat.api.auth import RefreshedToken
from tests.sandbox.livechat.client import LiveChatSandbox

from .test_check import lines

if TYPE_CHECKING:
    from .conftest import Ops


@pytest.fixture
def app(livechat_account: LiveChatSandbox, tmp_path: Path) -> dict[str, str]:
    """The settings of a tap that signs in as an app, with a state folder of its own."""
    livechat_account.reset()
    options = livechat_account.settings
    return {
        "TAP_LIVECHAT_API_URL": livechat_account.api_url,
        "TAP_LIVECHAT_ACCOUNTS_URL": livechat_account.accounts_url,
        "TAP_LIVECHAT_CLIENT_ID": options.client_id,
        "TAP_LIVECHAT_CLIENT_SECRET": options.client_secret,
        "TAP_LIVECHAT_REFRESH_TOKEN": options.refresh_token,
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def of_the_tap(app: dict[str, str]) -> RefreshedToken:
    """The tap's own sign-in with the same settings."""
    return RefreshedToken(
        accounts_url=app["TAP_LIVECHAT_ACCOUNTS_URL"],
        client_id=app["TAP_LIVECHAT_CLIENT_ID"],
        client_secret=app["TAP_LIVECHAT_CLIENT_SECRET"],
        refresh_token=app["TAP_LIVECHAT_REFRESH_TOKEN"],
        folder=Path(app["XDG_STATE_HOME"]) / "tap-livechat",
    )


def test_a_refresh_token_is_tried_and_stays_good_for_the_tap(ops: Ops, app: dict[str, str]) -> None:
    found = lines(ops, **app)

    assert found["LiveChat"] == ("green", "archives can be read")
    assert "LiveChat access" not in found
    assert of_the_tap(app).authorization()


def test_a_refresh_token_that_is_replaced_is_kept_where_the_tap_looks_for_it(
    ops: Ops, app: dict[str, str]
) -> None:
    with LiveChatSandbox(visitors=5, rotate_refresh_tokens=True) as account:
        app |= {
            "TAP_LIVECHAT_API_URL": account.api_url,
            "TAP_LIVECHAT_ACCOUNTS_URL": account.accounts_url,
        }
        for found in (lines(ops, **app), lines(ops, **app)):
            assert found["LiveChat"][0] == "green"
            assert found["LiveChat access"][0] == "amber"
            assert "replaced the refresh token" in found["LiveChat access"][1]
        assert of_the_tap(app).authorization(), "the tap goes on with the one that check kept"
        assert lines(ops, **app)["LiveChat"][0] == "green", "and check with the one the tap kept"
    (kept,) = (Path(app["XDG_STATE_HOME"]) / "tap-livechat").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_refresh_token_whose_successor_could_not_be_kept_is_not_tried(
    ops: Ops, app: dict[str, str], tmp_path: Path, livechat_account: LiveChatSandbox
) -> None:
    (tmp_path / "state").touch()  # a file where the folder has to be

    found = ops.json("check", **app)

    line = next(each for each in found["lines"] if each["subject"] == "LiveChat")
    assert line["colour"] == "grey"
    assert "could not be kept" in line["text"]
    assert f"make {tmp_path / 'state' / 'tap-livechat'} writable" in line["text"]
    assert found["livechat_requests"] == 0
    assert not livechat_account.counts()["requests"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"REFRESH_TOKEN": "planted-client-secret"}, "authorise the app again"),
        ({"CLIENT_SECRET": "planted-client-secret"}, "refuses client_id and client_secret"),
        ({"CLIENT_SECRET": ""}, "client_secret is missing: it belongs to refresh_token"),
        ({"REFRESH_TOKEN": ""}, "or client_id, client_secret and refresh_token"),
        ({"ACCOUNTS_URL": "http://accounts.example.com"}, "accounts_url must start with https://"),
        ({"ACCOUNTS_URL": "http://127.0.0.1:9"}, "check accounts_url and the network"),
        ({"ACCOUNTS_URL": "{api}"}, "without an access token: check accounts_url"),
    ],
)
def test_an_app_that_cannot_sign_in_is_red_with_its_cure(
    ops: Ops, app: dict[str, str], changed: dict[str, str], said: str
) -> None:
    api = app["TAP_LIVECHAT_API_URL"]
    given = app | {
        f"TAP_LIVECHAT_{name}": value.replace("{api}", api) for name, value in changed.items()
    }

    colour, text = lines(ops, **given)["LiveChat"]

    assert colour == "red"
    assert said in text


def test_an_app_that_sees_a_part_of_the_chats_is_worth_a_look(
    ops: Ops, app: dict[str, str], livechat_account: LiveChatSandbox
) -> None:
    livechat_account.change(scopes=["chats--access:ro"])

    found = lines(ops, **app)

    assert found["LiveChat"][0] == "green"
    assert found["LiveChat access"] == (
        "amber",
        "only chats of the app owner's groups are shown: grant the app chats--all:ro",
    )
