"""OAuth tokens at `/v2/token` and `/v2/info`. Errors have OAuth's own shape. [facts 1.3]"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.sandbox.livechat.errors import ApiError

if TYPE_CHECKING:
    from tests.sandbox.livechat.access import Tokens
    from tests.sandbox.livechat.options import Options

_FORM = "application/x-www-form-urlencoded"
Answer = tuple[int, dict[str, Any]]


def token(body: bytes, content_type: str, tokens: Tokens, options: Options) -> Answer:
    if content_type.partition(";")[0].strip() != _FORM:
        return _refusal(400, "invalid_request", f"expected {_FORM}")
    form = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
    if form.get("grant_type") != "refresh_token":
        return _refusal(400, "unsupported_grant_type", "only refresh_token is known here")
    if form.get("client_id") != options.client_id or (
        # A client without a secret is a web application, whose refresh tokens rotate.
        form.get("client_secret") != options.client_secret
        and not (options.rotate_refresh_tokens and "client_secret" not in form)
    ):
        return _refusal(401, "invalid_client", "client authentication failed")
    granted = tokens.refresh(form.get("refresh_token", ""), options)
    if granted is None:
        return _refusal(400, "invalid_grant", "the refresh token is expired or revoked")
    return 200, granted


def revoke(body: bytes, query: dict[str, str], tokens: Tokens) -> Answer:
    form = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
    given = query.get("code") or form.get("code") or query.get("token") or form.get("token") or ""
    if not tokens.revoke(given):
        return _refusal(400, "invalid_request", "no such token")
    return 200, {}


def info(authorization: str | None, tokens: Tokens, options: Options) -> Answer:
    scheme, _, access_token = (authorization or "").partition(" ")
    try:
        tokens.authenticate(authorization, options)
    except ApiError:
        return _refusal(401, "invalid_token", "the access token is expired or revoked")
    if scheme != "Bearer" and not options.info_takes_personal_tokens:
        return _refusal(401, "invalid_token", "a bearer token is needed")
    personal = scheme != "Bearer"
    return 200, {
        "access_token": access_token,
        "account_id": options.account_id,
        "client_id": options.client_id,
        "expires_in": 0 if personal else tokens.seconds_left(access_token, options),
        "organization_id": "390e44e6-f1e6-4b2c-9b1a-0a1b2c3d4e5f",
        "scope": ",".join(options.scopes),
        "token_type": "Bearer",
    }


def _refusal(status: int, error: str, description: str) -> Answer:
    return status, {"error": error, "error_description": description}
