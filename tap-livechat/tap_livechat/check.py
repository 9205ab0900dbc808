"""`--check`: would a run work? Token, scopes, account and clock, for at most two billed requests.

LiveChat tells the scopes of an OAuth token, unbilled. Those of a personal access token can only be
tried: the visitors' source first, then one other that a selected stream or property needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tap_livechat.api import auth
from tap_livechat.api.retries import RetryableError
from tap_livechat.errors import AuthenticationError, BudgetError, LiveChatError, ScopeError
from tap_livechat.timestamps import CLOCK_TOLERANCE, clock_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method
    from tap_livechat.streams.stream import LiveChatStream

Status = Literal["ok", "warning", "failed", "not_tried"]
MOST_REQUESTS = 2
_ALL_CHATS = "chats--all:ro"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, the result, and the cure if there is one."""

    check: Literal["settings", "token", "scopes", "account", "clock"]
    status: Status
    message: str


def report(findings: Sequence[Finding], billed_requests: int) -> dict[str, Any]:
    """What `--check=json` prints, in one line; other programs rely on it."""
    return {
        "ok": is_fine(findings),
        "billed_requests": billed_requests,
        "findings": [msgspec.to_builtins(finding) for finding in findings],
    }


def is_fine(findings: Sequence[Finding]) -> bool:
    return not any(finding.status == "failed" for finding in findings)


def check(
    client: Client,
    config: Mapping[str, Any],
    streams: Sequence[LiveChatStream],
    *,
    is_chosen: bool,
) -> Iterator[Finding]:
    """Looks at all that can be looked at; `streams` are read, because somebody chose them or not.

    What nobody chose and the token may not read is left out by a run.
    """
    hazard = client.authenticator.hazard()
    if hazard:
        yield Finding("token", "not_tried", hazard)
        return
    try:
        authorization = client.authenticator.authorization()
    except LiveChatError as error:
        yield Finding("token", "failed", str(error))
        return
    grant = client.authenticator.grant or auth.look_up(config["accounts_url"], authorization)
    tried = _try(client, streams, grant)
    yield _token(client, tried)
    yield _scopes(tried, streams, grant, is_chosen=is_chosen)
    yield _account(tried, grant, config)
    yield _clock(client)


@dataclass(frozen=True, slots=True)
class _Tried:
    """What LiveChat answered to one method: a reply, or what was wrong."""

    method: Method
    answer: Any = None
    error: LiveChatError | RetryableError | None = None


def _try(
    client: Client, streams: Sequence[LiveChatStream], grant: auth.Grant | None
) -> list[_Tried]:
    """The first method; where LiveChat tells no scopes, the second too."""
    tried: list[_Tried] = []
    smallest = {stream.method: stream.smallest for stream in streams}
    for method in dict.fromkeys([*smallest, *(method for _, method in _needs(streams))]):
        try:
            answer = client.call_once(method, smallest.get(method, {}), msgspec.json.decode)
            tried.append(_Tried(method, answer=answer))
        except BudgetError:
            break
        except (LiveChatError, RetryableError) as error:
            tried.append(_Tried(method, error=error))
            if not isinstance(error, ScopeError):
                break
        if (grant and grant.scopes) or len(tried) == MOST_REQUESTS:
            break
    return tried


def _needs(streams: Sequence[LiveChatStream]) -> list[tuple[str, Method]]:
    return [need for stream in streams for need in stream.needs.items()]


def _token(client: Client, tried: Sequence[_Tried]) -> Finding:
    refused = next((t.error for t in tried if isinstance(t.error, AuthenticationError)), None)
    if refused:
        return Finding("token", "failed", str(refused))
    if client.authenticator.is_replaced:
        return Finding(
            "token",
            "warning",
            "LiveChat replaced the refresh token; the new one is kept for this user on this host, "
            "and runs anywhere else have to be authorised again",
        )
    if not any(t.error is None or isinstance(t.error, ScopeError) for t in tried):
        return Finding("token", "not_tried", "LiveChat did not say whether it takes the token")
    return Finding("token", "ok", "LiveChat takes the token")


def _scopes(
    tried: Sequence[_Tried],
    streams: Sequence[LiveChatStream],
    grant: auth.Grant | None,
    *,
    is_chosen: bool,
) -> Finding:
    refused = {t.method for t in tried if isinstance(t.error, ScopeError)}
    answered = {t.method for t in tried if t.error is None}
    granted = grant.scopes if grant else frozenset()
    missing, unknown = {}, []
    for what, method in _needs(streams):
        if method in refused or (granted and not method.is_allowed(granted)):
            missing[what] = f"{what} needs {method.scope}"
        elif method not in answered and not granted:
            unknown.append(f"{what} ({method.scope})")
    if missing:
        cure = "make a token with it in LiveChat's Developer Console, or deselect what needs it"
        names = {stream.name for stream in streams}
        lost = names & missing.keys()
        status: Status = "failed" if lost and (is_chosen or lost == names) else "warning"
        return Finding("scopes", status, f"{'; '.join(missing.values())}: {cure}")
    if unknown:
        return Finding("scopes", "not_tried", f"not told, and not tried: {', '.join(unknown)}")
    of_chats = any(_ALL_CHATS in stream.method.scopes for stream in streams)
    if of_chats and grant and grant.sees_part_of_the_chats:
        return Finding(
            "scopes", "warning", f"only chats of the token owner's groups: grant {_ALL_CHATS}"
        )
    return Finding("scopes", "ok", f"enough for {', '.join(what for what, _ in _needs(streams))}")


def _account(
    tried: Sequence[_Tried], grant: auth.Grant | None, config: Mapping[str, Any]
) -> Finding:
    account_id = (grant.account_id if grant else None) or config.get("account_id") or "unnamed"
    for each in tried:
        if each.error and not isinstance(each.error, (AuthenticationError, ScopeError)):
            again = "; try again in a minute" if isinstance(each.error, RetryableError) else ""
            return Finding("account", "failed", f"{each.error}{again}")
    answered = next((each for each in tried if each.error is None), None)
    if answered is None:
        return Finding("account", "not_tried", f"{account_id}: nothing was answered")
    found = ""
    for name, what in (("found_chats", "chats"), ("total_customers", "customers")):
        count = answered.answer.get(name) if isinstance(answered.answer, dict) else None
        if isinstance(count, int):
            found = f", about {count} {what}"
    return Finding("account", "ok", f"{account_id}: {answered.method.name} answers{found}")


def _clock(client: Client) -> Finding:
    if client.date is None:
        return Finding("clock", "not_tried", "LiveChat did not tell its time")
    wrong = clock_error(datetime.now(UTC), client.date)
    if wrong is None:
        return Finding("clock", "ok", f"within {CLOCK_TOLERANCE.seconds} s of LiveChat's")
    message = f"this host's is {wrong} LiveChat's: let it be set by NTP"
    return Finding("clock", "warning", message)
