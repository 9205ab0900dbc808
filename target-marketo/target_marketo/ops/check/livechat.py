"""One request to LiveChat, as the tap would send it. It is billed, as every request is.

The tap lives in a virtual environment of its own, so nothing of it is imported.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from target_marketo.ops.check.refresh_token import sign_in
from target_marketo.ops.errors import OpsError
from target_marketo.ops.project import configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIMEOUT_SECONDS = (10, 30)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_API_URL = "https://api.livechatinc.com"
_CDP_URL = "https://api.text.com/cdp"
_ACCOUNTS_URL = "https://accounts.livechat.com"

# By the setting visitor_source: path below the address, the smallest request, and its scope.
_SOURCES: dict[str, tuple[str, dict[str, Any], str]] = {
    "archives": ("/v{version}/agent/action/list_archives", {"limit": 1}, "chats--all:ro"),
    "customers": ("/v3.5/agent/action/list_customers", {"limit": 1}, "customers:ro"),
    "cdp": ("/v1/list_customers", {"results_per_page": 1}, "customers:ro"),
}
_ALL = "chats--all:"  # without it, chats--access shows a part and says nothing
_WAYS = (
    ("account_id", "personal_access_token"),
    ("access_token",),
    ("client_id", "client_secret", "refresh_token"),
)
_AUTHENTICATION = frozenset({"authentication", "invalid_token", "token_expired"})
_SCOPE = frozenset({"authorization", "insufficient_scope"})


def is_configured(config: Mapping[str, Any]) -> bool:
    """Whether any credential of the tap is set; visitors may come from another tap."""
    names = ("account_id", "personal_access_token", "access_token", "client_id", "refresh_token")
    return any(config.get(name) for name in names)


@dataclass(frozen=True)
class Question:
    """One request for one row of the visitors' source; `setting` says where its address is from."""

    source: str
    scope: str
    setting: str
    url: str
    payload: dict[str, Any]
    headers: dict[str, str]
    authorization: str = field(repr=False)


def prepare(config: Mapping[str, Any], remark: Callable[[str], None]) -> Question:
    """Signs in, if a refresh token is all there is; `remark` takes what is worth a look.

    Raises:
        NotTried: To try the refresh token would risk it.
        OpsError: What is wrong, and the cure.
    """
    if sum(any(config.get(name) for name in way) for way in _WAYS) > 1:
        raise OpsError("more than one way to sign in is set, so the tap refuses to run: leave one")
    source = config.get("visitor_source", "archives")
    if source not in _SOURCES:
        raise OpsError(f"visitor_source is one of {', '.join(_SOURCES)}")
    path, payload, scope = _SOURCES[source]
    setting = "cdp_url" if source == "cdp" else "api_url"
    base = _address(setting, config.get(setting) or (_CDP_URL if source == "cdp" else _API_URL))
    region = config.get("region")
    return Question(
        source,
        scope,
        setting,
        base + path.format(version=config.get("api_version") or "3.6"),
        payload,
        {"X-Region": region} if region else {},
        _authorization(config) or _signed_in(config, scope, remark),
    )


def ask(question: Question) -> str:
    """Sends it; what was found.

    Raises:
        OpsError: What is wrong, and the cure.
    """
    try:
        reply = requests.post(
            question.url,
            json=question.payload,
            headers=question.headers,
            auth=_Authorization(question.authorization),
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        # The text of the exception holds the address.
        raise OpsError(
            f"no answer from LiveChat ({type(error).__name__}): check {question.setting} and the "
            "network"
        ) from None
    if reply.ok:
        return f"{question.source} can be read"
    raise OpsError(_cure(reply, question.scope, question.setting))


class _Authorization(requests.auth.AuthBase):
    """As `auth`, so that no .netrc entry can replace it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


def _authorization(config: Mapping[str, Any]) -> str | None:
    account, token = config.get("account_id"), config.get("personal_access_token")
    if account and token:
        return "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
    bearer = config.get("access_token")
    return "Bearer " + str(bearer).replace("%3A", ":") if bearer else None


def _signed_in(config: Mapping[str, Any], scope: str, remark: Callable[[str], None]) -> str:
    if not config.get("refresh_token"):
        raise OpsError(
            "set account_id and personal_access_token together (LiveChat's Developer Console, "
            "Tools, Personal Access Tokens), or access_token, or client_id, client_secret and "
            "refresh_token"
        )
    url = _address("accounts_url", config.get("accounts_url") or _ACCOUNTS_URL) + "/v2/token"
    granted = sign_in(url, config, configuration.variables().get("XDG_STATE_HOME"))
    if granted.replaced:
        remark(
            "LiveChat replaced the refresh token; the new one is kept for the tap, if it runs as "
            "this user on this host: else authorise the app again"
        )
    every = granted.scopes is None or any(each.startswith(_ALL) for each in granted.scopes)
    if scope.startswith(_ALL) and not every:
        remark(f"only chats of the app owner's groups are shown: grant the app {scope}")
    return f"Bearer {granted.access_token}"


def _address(setting: str, value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return value.strip().rstrip("/")
    raise OpsError(f"{setting} must start with https://")


def _cure(reply: requests.Response, scope: str, setting: str) -> str:
    kind = _error_type(reply)
    if kind in _SCOPE or reply.status_code == requests.codes.forbidden:
        return f"the token may not do this: make one with the scope {scope}"
    if kind in _AUTHENTICATION or reply.status_code == requests.codes.unauthorized:
        return (
            "LiveChat rejects the credentials: copy the account id and the token anew; the token "
            "may be expired or revoked"
        )
    if kind == "misdirected_request":
        return "the account lives in another region: set region to dal or fra"
    if kind in ("license_expired", "license_not_found"):
        return "the LiveChat licence is expired or unknown: see LiveChat's billing"
    if reply.status_code == requests.codes.too_many or kind == "too_many_requests":
        return "LiveChat is busy with other requests of this account: try again in a minute"
    return (
        f"LiveChat answers HTTP {reply.status_code}{f' {kind}' if kind else ''}: "
        f"check {setting} and api_version"
    )


def _error_type(reply: requests.Response) -> str:
    """`error.type` of the reply if it looks like a name: it is foreign text."""
    try:
        kind = reply.json()["error"]["type"]
    except (ValueError, KeyError, TypeError):
        return ""
    named = isinstance(kind, str) and kind.replace("_", "").isalpha() and len(kind) < 40  # noqa: PLR2004 - LiveChat's longest has 25
    return kind if named else ""
