"""What can be switched. Unverified facts are switches, so that both answers can be tested."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from tests.sandbox.crowd import Crowd, LightCrowd
from tests.sandbox.faults import Fault  # noqa: TC001  (msgspec reads the annotations)

ALL_SCOPES = (
    "customers:ro",
    "chats--all:ro",
    "agents--all:ro",
    "groups--all:ro",
    "tags--all:ro",
    "agents-bot--all:ro",
    "banlist_read",
    "reports_read",
)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything but the crowd, the account and the clock can be changed while the server runs."""

    # The crowd. Times are RFC 3339; by default the 30 days up to the last full hour.
    seed: int = 1
    visitors: int = 200
    light_threads: int = 0  # above 0: a LightCrowd of so many threads, instead of visitors
    start: str = ""
    end: str = ""

    # The clock starts at `clock` (by default the crowd's end) and runs `clock_speed` times as fast
    # as real time: 0 stands still until a test advances it.
    clock: str = ""
    clock_speed: float = 0.0
    # The `Date` of replies is the clock's if `clock` is set. If not, a test has no mind to steer
    # it: then it is this host's, as much ahead as the clock was advanced.
    send_date: bool = True

    # Who may call.
    account_id: str = "b7eff798-f8df-4364-8059-649c35c9ed0c"
    personal_access_token: str = "dal:sandbox-personal-access-token"
    access_token: str = "dal:sandbox-access-token"  # a bearer token that never expires
    scopes: tuple[str, ...] = ALL_SCOPES
    access_group_ids: tuple[int, ...] = (0, 1)  # the groups of a token with `chats--access`
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    refresh_token: str = "sandbox-refresh-token"
    rotate_refresh_tokens: bool = False
    access_token_seconds: int = 28800
    info_takes_personal_tokens: bool = False  # whether /v2/info does is not known [facts 1.3]

    # Which data centre holds the account; "" answers any X-Region. [facts 1.2]
    region: str = ""
    legacy_date: str = "2027-02-13"  # the `Legacy` header of version 3.5; "" sends none
    unknown_action_error: str = "not_found"  # unverified [facts 7.4]
    removed_actions: tuple[str, ...] = ()  # what no version knows any longer
    error_status: int = 0  # of every error of the API; 0: as `errors.py` has it [facts 3.2]

    # Archives. Which time `from` and `to` filter, and whether they are inclusive, is not documented
    # for this API; the Reports API writes the range as <from,to>. [facts 2.4, 7.5]
    archive_time: Literal["created_at", "closed_at"] = "created_at"
    from_inclusive: bool = True
    to_inclusive: bool = True
    archives_include_active: bool = False
    archive_lag_seconds: float = 0.0
    found_chats_factor: float = 38 / 37  # `found_chats` is "an estimated number"
    archives_end_after: int = 0  # rows after which a list has no next page, whatever is left
    transferred_from: int | None = None  # while a chat is open, it is in this group
    archives_limit_reached: bool = (
        False  # answer `limit_reached`, as a plan's limit may [facts 3.4]
    )

    # Whether threads look as old ones do: answers under `value`, a form's kind in `lc2.form_type`,
    # forms of tickets, and the visitor's custom variables. [facts, added November 2026]
    threads_of_old: bool = False

    # Customers of version 3.5.
    include_customers_without_chats: bool = True  # the default is not documented
    two_bound_ranges: bool = True  # whether a range may have both ends
    session_fields_seconds: float = 0.0  # session fields vanish so long after a visit; 0: never

    # Pages: `keyset` goes on after the last row, `offset` after so many rows, whatever moved.
    paging: Literal["keyset", "offset"] = "keyset"
    page_id_seconds: float = 30 * 86400.0  # by the sandbox's clock

    # Limits. 0 calls: no limit. The real numbers are not published. [facts 3.3]
    rate_calls: int = 0
    rate_seconds: float = 60.0
    retry_after_seconds: float | None = None  # None sends no Retry-After, which is undocumented

    # The time a reply takes: `latency_seconds` is the median, `latency_sigma` the spread.
    latency_seconds: float = 0.0
    latency_sigma: float = 0.0

    # What goes wrong; kinds of calls are the journal's methods, such as `list_archives`.
    faults: tuple[Fault, ...] = ()

    def period(self) -> tuple[datetime, datetime]:
        """The crowd's start and end."""
        this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        end = moment(self.end) if self.end else this_hour
        return (moment(self.start) if self.start else end - timedelta(days=30)), end

    def crowd(self) -> Crowd | LightCrowd:
        start, end = self.period()
        if self.light_threads:
            return LightCrowd(self.seed, self.light_threads, start, end)
        return Crowd(self.seed, self.visitors, start, end)


FIXED = frozenset({"seed", "visitors", "light_threads", "start", "end", "clock", "clock_speed"})


def parse(values: dict[str, Any]) -> Options:
    return msgspec.convert(values, Options)


def changed(options: Options, values: dict[str, Any]) -> Options:
    """The options with `values` in place; the crowd and the clock's start cannot change."""
    if fixed := FIXED & values.keys():
        raise ValueError(f"cannot change while the server runs: {', '.join(sorted(fixed))}")
    return msgspec.convert(msgspec.to_builtins(options) | values, Options)


def moment(text: str) -> datetime:
    """An aware time in UTC."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return parsed.astimezone(UTC)
