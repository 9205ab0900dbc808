"""LiveChat's sandbox as a test sees it: a process, its addresses, its credentials, its counts."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.sandbox.livechat.options import Options, moment, parse
from tests.sandbox.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.sandbox.crowd import Crowd, LightCrowd
    from tests.sandbox.faults import Fault


class LiveChatSandbox(ServerProcess):
    """An account of LiveChat in a process of its own; the arguments are those of `Options`.

    `with LiveChatSandbox(visitors=50) as livechat: ...`
    """

    def __init__(self, **options: Any) -> None:
        given = dict(options)
        # The period is set here, once: the server must not choose another when the hour turns.
        values = {key: value for key, value in given.items() if key != "max_lifetime_seconds"}
        start, end = parse(values).period()
        given |= {"start": start.isoformat(), "end": end.isoformat()}
        super().__init__("tests.sandbox.livechat", given)
        self._settings = parse(values | {"start": given["start"], "end": given["end"]})

    @property
    def account_id(self) -> str:
        return self._settings.account_id

    @property
    def personal_access_token(self) -> str:
        return self._settings.personal_access_token

    @property
    def settings(self) -> Options:
        """The options it was started with."""
        return self._settings

    @property
    def authorization(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.account_id}:{self.personal_access_token}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    @property
    def api_url(self) -> str:
        return self.url

    @property
    def cdp_url(self) -> str:
        return f"{self.url}/cdp"

    @property
    def accounts_url(self) -> str:
        return f"{self.url}/accounts"

    @property
    def start(self) -> datetime:
        return self._settings.period()[0]

    @property
    def end(self) -> datetime:
        return self._settings.period()[1]

    def crowd(self) -> Crowd | LightCrowd:
        """The crowd that the server serves, made once more on this side."""
        return self._settings.crowd()

    def counts(self) -> dict[str, Any]:
        """`requests` by method, `billed`, `errors` by type, `rows`, `max_in_flight`, `faults`, …"""
        counts: dict[str, Any] = self.control("GET", "/_sandbox/counts")
        return counts

    def requests(self) -> list[dict[str, Any]]:
        """The journal; see `journal.Entry`."""
        entries: list[dict[str, Any]] = self.control("GET", "/_sandbox/requests")
        return entries

    def reset(self) -> None:
        """Forget what was counted so far."""
        self.control("POST", "/_sandbox/reset")

    def change(self, **options: Any) -> None:
        self.control("POST", "/_sandbox/options", options)

    def now(self) -> datetime:
        return moment(self.control("GET", "/_sandbox/clock")["now"])

    def advance(self, seconds: float) -> None:
        self.control("POST", "/_sandbox/clock", {"advance_seconds": seconds})

    def set_clock(self, now: datetime) -> None:
        self.control("POST", "/_sandbox/clock", {"now": now.isoformat()})

    def refuse(
        self,
        requests: int,
        kind: str = "too_many_requests",
        retry_after_seconds: float | None = None,
    ) -> None:
        """Answer the next `requests` calls with an error."""
        body = {"requests": requests, "type": kind, "retry_after_seconds": retry_after_seconds}
        self.control("POST", "/_sandbox/refuse", body)

    def set_faults(self, faults: Iterable[Fault]) -> None:
        """Begin a new script of faults; none ends the trouble."""
        self.change(faults=list(faults))

    def expire_access_tokens(self) -> None:
        self.control("POST", "/_sandbox/tokens/expire")

    def expected(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> dict[str, Any]:
        """What a perfect tap delivers of threads created in [start, end); see `expected`."""
        window = {"from": start, "to": end}
        query = urlencode({name: at.isoformat() for name, at in window.items() if at})
        answer: dict[str, Any] = self.control("GET", f"/_sandbox/expected?{query}")
        return answer
