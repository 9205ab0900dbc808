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
PROPERTIES: dict[str, Any] = th.PropertiesList(
    th.Property(
        "account_id",
        th.StringType,
        title="Account ID",
        description="With personal_access_token: the account the token belongs to, a UUID "
        "shown beside it in LiveChat's Developer Console.",
    ),
    th.Property(
        "personal_access_token",
        th.StringType,
        secret=True,
        title="Personal access token",
        description="A token made in the Developer Console (Tools, Personal Access Tokens) "
        "with the scopes chats--all:ro, agents--all:ro, groups--all:ro and tags--all:ro.",
    ),
    th.Property(
        "access_token",
        th.StringType,
        secret=True,
        title="Access token",
        description="Instead of a personal access token: an OAuth bearer token; it ends after "
        "eight hours.",
    ),
    th.Property(
        "client_id",
        th.StringType,
        title="OAuth client ID",
        description="With client_secret and refresh_token: a server-side app of yours.",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="OAuth client secret",
        description="The app's secret.",
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        title="OAuth refresh token",
        description="Granted to the app; renews its access token as often as needed.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Nothing older is read. Without it a first run reads all there is.",
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description="With start_date: one period of a back-fill. Nothing that began later is read.",
    ),
    th.Property(
        "visitor_source",
        th.StringType,
        default="archives",
        allowed_values=["archives", "customers", "cdp"],
        title="Source of visitors",
        description="archives: people who chatted, from list_archives. customers: everybody "
        "in list_customers, a method of version 3.5, which LiveChat will switch off. cdp: the "
        "Customer Data Platform, for accounts with the Text App.",
    ),
    th.Property(
        "include_customers_without_chats",
        th.BooleanType,
        default=False,
        title="Include customers without chats",
        description="For the source customers: also visitors who never chatted, most of them "
        "anonymous.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.livechatinc.com",
        title="API address",
        description="Base address of LiveChat's Web API.",
    ),
    th.Property(
        "cdp_url",
        th.StringType,
        default="https://api.text.com/cdp",
        title="Customer Data Platform address",
        description="Base address of the Customer Data Platform.",
    ),
    th.Property(
        "accounts_url",
        th.StringType,
        default="https://accounts.livechat.com",
        title="Accounts address",
        description="Base address of LiveChat's OAuth server.",
    ),
    th.Property(
        "api_version",
        th.StringType,
        default="3.6",
        allowed_values=["3.6", "3.7"],
        title="API version",
        description="Version of the Web API.",
    ),
    th.Property(
        "region",
        th.StringType,
        title="Region",
        description="The data centre the account lives in, if LiveChat asks for it: dal or fra.",
    ),
    th.Property(
        "group_ids",
        th.ArrayType(th.IntegerType),
        title="Groups",
        description="Only chats of these groups; all by default.",
    ),
    th.Property(
        "lookback_minutes",
        th.IntegerType(minimum=0, maximum=_MOST_LOOKBACK_MINUTES),
        default=60,
        title="Lookback in minutes",
        description="How far before its bookmark a run starts: tags, ratings and the like "
        "come after a chat has ended.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=100),
        default=100,
        title="Page size",
        description="Rows per request. Requests are billed: fewer rows cost more.",
    ),
    th.Property(
        "max_requests",
        th.IntegerType(minimum=1),
        title="Most requests a run",
        description="A run ends after this many requests, in good order and with its STATE; "
        "the next one carries on. Without it there is no limit.",
    ),
    th.Property(
        "max_concurrent_requests",
        th.IntegerType(minimum=1, maximum=16),
        default=1,
        title="Requests at a time",
        description="Without effect, kept for settings of version 0.1: one request at a time. "
        "Periods side by side (end_date) bring speed.",
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
