"""The SDK's own suite of tests for taps, against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_livechat.tap import TapLiveChat
from tests.sandbox.livechat.client import LiveChatSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

# The suite wants settings when the class is made, before there is a sandbox: see `_livechat`.
_settings = {
    "account_id": "5c0f3a1e-0000-4000-8000-000000000000",
    "personal_access_token": "later",
    "api_url": "http://127.0.0.1:9",
}
# Every stream, those too that are not selected by default.
_catalog = TapLiveChat(config=_settings).catalog_dict
for _stream in _catalog["streams"]:
    for _item in _stream["metadata"]:
        if not _item["breadcrumb"]:
            _item["metadata"]["selected"] = True


@pytest.fixture(scope="module", autouse=True)
def _livechat() -> Iterator[None]:
    with LiveChatSandbox(visitors=70) as livechat:
        _settings.update(
            account_id=livechat.account_id,
            personal_access_token=livechat.personal_access_token,
            api_url=livechat.api_url,
        )
        yield


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
