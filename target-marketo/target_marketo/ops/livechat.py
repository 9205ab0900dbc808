"""One request to LiveChat, as the tap would send it. It is billed, as every request is.

The tap lives in a virtual environment of its own, so nothing of it is imported.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from target_marketo.ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = (10, 30)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_API_URL = "https://api.livechatinc.com"
_CDP_URL = "https://api.text.com/cdp"

# By the setting visitor_source: path below the address, the smallest request, and its scope.
_SOURCES: dict[str, tuple[str, dict[str, Any], str]] = {
    "archives": ("/v{version}/agent/action/list_archives", {"limit": 1}, "chats--all:ro"),
    "customers": ("/v3.5/agent/action/list_customers", {"limit": 1}, "customers:ro"),
    "cdp": ("/v1/list_customers", {"results_per_page": 1}, "customers:ro"),
}
_AUTHENTICATION = frozenset({"authentication", "invalid_token", "token_expired"})
_SCOPE = frozenset({"authorization", "insufficient_scope"})


def is_configured(config: Mapping[str, Any]) -> bool:
    """Whether any credential of the tap is set; visitors may come from another tap."""
    names = ("account_id", "personal_access_token", "access_token", "refresh_token")
    return any(config.get(name) for name in names)


def uses_refresh_token(config: Mapping[str, Any]) -> bool:
    """Whether the tap signs in with a refresh token, which only one program may use."""
    return _authorization(config) is None and bool(config.get("refresh_token"))


def try_credentials(config: Mapping[str, Any]) -> str:
    """Asks for one row of the visitors' source; what was found.

    Raises:
        OpsError: What is wrong, and the cure.
    """
    authorization = _authorization(config)
    if authorization is None:
        raise OpsError(
            "set account_id and personal_access_token together (LiveChat's Developer Console, "
            "Tools, Personal Access Tokens), or access_token"
        )
    source = config.get("visitor_source", "archives")
    if source not in _SOURCES:
        raise OpsError(f"visitor_source is one of {', '.join(_SOURCES)}")
    path, payload, scope = _SOURCES[source]
    setting = "cdp_url" if source == "cdp" else "api_url"
    base = _address(setting, config.get(setting) or (_CDP_URL if source == "cdp" else _API_URL))
    reply = _post(
        base + path.format(version=config.get("api_version") or "3.6"),
        payload,
        authorization,
        config.get("region"),
        setting,
    )
    if reply.ok:
        return f"{source} can be read"
    raise OpsError(_cure(reply, scope, setting))


def _post(
    url: str, payload: dict[str, Any], authorization: str, region: str | None, setting: str
) -> requests.Response:
    try:
        return requests.post(
            url,
            json=payload,
            headers={"X-Region": region} if region else {},
            auth=_Authorization(authorization),
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        # The text of the exception holds the address.
        raise OpsError(
            f"no answer from LiveChat ({type(error).__name__}): check {setting} and the network"
        ) from None


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
