"""The settings: what each means, and what is wrong with those that were given."""

from __future__ import annotations

import os
import re
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th

from tap_livechat.api import auth
from tap_livechat.timestamps import is_plausible, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_URLS = ("api_url", "cdp_url", "accounts_url")
_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# Sent in headers, or as part of one.
WORDS = (*chain(*auth.KINDS), "region")
_MOST_LOOKBACK_MINUTES = 10 * 366 * 24 * 60


def _setting(
    name: str, title: str, description: str, kind: Any = th.StringType, **more: Any
) -> th.Property[Any]:
    return th.Property(name, kind, title=title, description=description, **more)


PROPERTIES: dict[str, Any] = th.PropertiesList(
    _setting(
        "account_id",
        "Account ID",
        "With personal_access_token: the account the token belongs to, a UUID shown beside it in "
        "LiveChat's Developer Console.",
    ),
    _setting(
        "personal_access_token",
        "Personal access token",
        "A token made in the Developer Console (Tools, Personal Access Tokens) with the scopes "
        "chats--all:ro, agents--all:ro, groups--all:ro and tags--all:ro.",
        secret=True,
    ),
    _setting(
        "access_token",
        "Access token",
        "Instead of a personal access token: an OAuth bearer token; it ends after eight hours.",
        secret=True,
    ),
    _setting(
        "client_id",
        "OAuth client ID",
        "With client_secret and refresh_token: a server-side app of yours.",
    ),
    _setting("client_secret", "OAuth client secret", "The app's secret.", secret=True),
    _setting(
        "refresh_token",
        "OAuth refresh token",
        "Granted to the app; renews its access token as often as needed.",
        secret=True,
    ),
    _setting(
        "start_date",
        "Start date",
        "Nothing older is read. Without it a first run reads all there is.",
        th.DateTimeType,
    ),
    _setting(
        "end_date",
        "End date",
        "With start_date: one period of a back-fill. Nothing that began later is read.",
        th.DateTimeType,
    ),
    _setting(
        "visitor_source",
        "Source of visitors",
        "archives: people who chatted, from list_archives. customers: everybody in list_customers, "
        "a method of version 3.5, which LiveChat will switch off. cdp: the Customer Data Platform, "
        "for accounts with the Text App.",
        default="archives",
        allowed_values=["archives", "customers", "cdp"],
    ),
    _setting(
        "include_customers_without_chats",
        "Include customers without chats",
        "For the source customers: also visitors who never chatted, most of them anonymous.",
        th.BooleanType,
        default=False,
    ),
    _setting(
        "api_url",
        "API address",
        "Base address of LiveChat's Web API.",
        default="https://api.livechatinc.com",
    ),
    _setting(
        "cdp_url",
        "Customer Data Platform address",
        "Base address of the Customer Data Platform.",
        default="https://api.text.com/cdp",
    ),
    _setting(
        "accounts_url",
        "Accounts address",
        "Base address of LiveChat's OAuth server.",
        default="https://accounts.livechat.com",
    ),
    _setting(
        "api_version",
        "API version",
        "Version of the Web API.",
        default="3.6",
        allowed_values=["3.6", "3.7"],
    ),
    _setting(
        "region",
        "Region",
        "The data centre the account lives in, if LiveChat asks for it: dal or fra.",
    ),
    _setting(
        "group_ids",
        "Groups",
        "Only chats of these groups; all by default.",
        th.ArrayType(th.IntegerType),
    ),
    _setting(
        "lookback_minutes",
        "Lookback in minutes",
        "How far before its bookmark a run starts: tags, ratings and the like come after a chat "
        "has ended.",
        th.IntegerType(minimum=0, maximum=_MOST_LOOKBACK_MINUTES),
        default=60,
    ),
    _setting(
        "page_size",
        "Page size",
        "Rows per request. Requests are billed: fewer rows cost more.",
        th.IntegerType(minimum=1, maximum=100),
        default=100,
    ),
    _setting(
        "max_requests",
        "Most requests a run",
        "A run ends after this many requests, in good order and with its STATE; the next one "
        "carries on. Without it there is no limit.",
        th.IntegerType(minimum=1),
    ),
    _setting(
        "max_concurrent_requests",
        "Requests at a time",
        "Without effect, kept for settings of version 0.1: one request at a time. Periods side by "
        "side (end_date) bring speed.",
        th.IntegerType(minimum=1, maximum=16),
        default=1,
    ),
).to_dict()


def described(error: ValidationError) -> str:
    """One wrong setting, without its value."""
    setting = error.path[0] if error.path else "config"
    schema = PROPERTIES["properties"].get(setting, {})
    if setting == "stream_maps" and len(error.path) > 1:
        deepest = max((each.path for each in error.context or ()), key=len, default=())
        where = ".".join(map(str, (*list(error.path)[1:], *deepest)))
        return f"setting stream_maps: {where}: it must be an expression, or null for none"
    if error.validator == "enum":
        return f"setting {setting}: it must be one of {', '.join(schema['enum'])}"
    if error.validator in {"minimum", "maximum"}:
        return f"setting {setting}: its {error.validator} is {error.validator_value}"
    kinds = schema.get("type", "something else")
    kind = kinds if isinstance(kinds, str) else " or ".join(k for k in kinds if k != "null")
    return f"setting {setting}: it must be of type {kind}"


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say."""
    if problem := auth.check_credentials(config):
        yield problem
    for name in WORDS:
        if not re.fullmatch(r"[!-~]*", config.get(name, "")):
            yield f"setting {name}: it holds a blank or a letter that does not belong there"
    # Requests raises an error for it that is not one of its own.
    bundle = next(filter(None, map(os.environ.get, _CA_BUNDLES)), None)
    if bundle and not os.path.exists(bundle):  # noqa: PTH110 - as requests looks for it
        yield f"{' or '.join(_CA_BUNDLES)} in the environment: there is no file {bundle}"
    yield from _wrong_dates(config)
    if config["visitor_source"] == "cdp" and config.get("group_ids"):
        yield (
            "setting group_ids: the Customer Data Platform cannot be asked by group; use another "
            "visitor_source"
        )
    for name in _URLS:
        try:
            address = urlsplit(config[name])
        except ValueError:
            yield f"setting {name}: it is not an address"
            continue
        if address.scheme not in {"http", "https"} or not address.hostname:
            yield f"setting {name}: it must be an address that begins with https://"
        elif address.scheme == "http" and address.hostname not in _LOOPBACK:
            yield f"setting {name}: http is for this machine only; use https://"


def _wrong_dates(config: Mapping[str, Any]) -> Iterator[str]:
    for name in ("start_date", "end_date"):
        if config.get(name) and not is_plausible(parse(config[name])):
            yield f"setting {name}: it must be a time such as 2026-01-31T00:00:00Z"
    start, end = parse(config.get("start_date")), parse(config.get("end_date"))
    if start and end and start >= end:
        yield "setting end_date: it must be later than start_date"
