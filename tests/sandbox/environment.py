"""Both servers, seeded with one crowd, and the settings that lead there."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.wire import stamp
from tests.sandbox.marketo.client import MarketoSandbox

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

# What else would lead out of here, or sign in a second time: an empty variable says that there is
# none, whatever a `.env` or meltano.yml says.
_NONE = (
    "TAP_LIVECHAT_ACCESS_TOKEN",
    "TAP_LIVECHAT_CLIENT_ID",
    "TAP_LIVECHAT_CLIENT_SECRET",
    "TAP_LIVECHAT_REFRESH_TOKEN",
    "TARGET_MARKETO_MUNCHKIN_ID",
    "MARKETO_OPS_SMTP_HOST",
    "MARKETO_OPS_MAIL_FROM",
    "MARKETO_OPS_MAIL_TO",
    "MARKETO_OPS_PING_URL",
)


class Sandbox:
    """LiveChat and Marketo on loopback, as long as the `with` block lasts.

    The arguments are the servers' options: `Sandbox({"visitors": 50}, {"slots": 2})`.
    """

    def __init__(
        self, livechat: Mapping[str, Any] | None = None, marketo: Mapping[str, Any] | None = None
    ) -> None:
        self.livechat = LiveChatSandbox(**(livechat or {}))
        self.marketo = MarketoSandbox(**(marketo or {}))
        self.crowd = self.livechat.crowd()
        self._folder = Path()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.enter_context(self.livechat)
            stack.enter_context(self.marketo)
            self.marketo.seed(self.crowd.marketo_leads())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def folder(self) -> Path:
        """A temporary folder that goes when the sandbox goes."""
        return self._folder

    @property
    def environment(self) -> dict[str, str]:
        """The settings' own variables."""
        return dict.fromkeys(_NONE, "") | {
            "TAP_LIVECHAT_API_URL": self.livechat.api_url,
            "TAP_LIVECHAT_CDP_URL": self.livechat.cdp_url,
            "TAP_LIVECHAT_ACCOUNTS_URL": self.livechat.accounts_url,
            "TAP_LIVECHAT_ACCOUNT_ID": self.livechat.account_id,
            "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN": self.livechat.personal_access_token,
            "TAP_LIVECHAT_START_DATE": stamp(self.livechat.start),
            "TARGET_MARKETO_ENDPOINT": self.marketo.endpoint,
            "TARGET_MARKETO_IDENTITY": self.marketo.identity,
            "TARGET_MARKETO_CLIENT_ID": self.marketo.client_id,
            "TARGET_MARKETO_CLIENT_SECRET": self.marketo.client_secret,
            "TARGET_MARKETO_STORE_URL": f"sqlite:///{self._folder / 'store.sqlite'}",
        }
