"""The SDK's own suite of tests for taps, against the sandbox."""

from __future__ import annotations

import atexit

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_livechat.tap import TapLiveChat
from tests.sandbox.livechat.client import LiveChatSandbox

# The suite wants its settings when the class is made, so its sandbox outlives any fixture.
_livechat = LiveChatSandbox(visitors=70)
_livechat.__enter__()
atexit.register(_livechat.stop)

_settings = {
    "account_id": _livechat.account_id,
    "personal_access_token": _livechat.personal_access_token,
    "api_url": _livechat.api_url,
}
# Every stream, those too that are not selected by default.
_catalog = TapLiveChat(config=_settings).catalog_dict
for _stream in _catalog["streams"]:
    for _item in _stream["metadata"]:
        if not _item["breadcrumb"]:
            _item["metadata"]["selected"] = True

pytestmark = [
    # The suite warns of properties that no record has, such as a region nobody is in.
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


class TestTapLiveChat(
    get_tap_test_class(  # type: ignore[misc] # a class made at run time
        TapLiveChat,
        config=_settings,
        catalog=_catalog,
        suite_config=SuiteConfig(max_records_limit=300),
    )
):
    """Every stream as it comes out of `list_archives` and the configuration API."""


def test_discovery_asks_for_no_settings_that_are_right() -> None:
    found = TapLiveChat(config={"visitor_source": ["cdp"]}, validate_config=False).catalog_dict

    assert "visitors" in [stream["tap_stream_id"] for stream in found["streams"]]
