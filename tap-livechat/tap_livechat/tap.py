"""tap-livechat: LiveChat's visitors, chats and events, for the fewest billed requests."""

from __future__ import annotations

import difflib
import gc
import os
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._util import load_json
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_livechat.api import auth
from tap_livechat.api.client import DOLLARS_PER_1000_REQUESTS, Client
from tap_livechat.errors import SettingsError, StateError
from tap_livechat.singer.command import Command, Termination
from tap_livechat.singer.messages import MessageWriter
from tap_livechat.streams.archives import ArchivePass, ArchiveVisitors, ChatEvents, Chats
from tap_livechat.streams.customers import CdpVisitors, CustomerVisitors
from tap_livechat.streams.directory import Agents, Groups, Tags
from tap_livechat.streams.stream import LiveChatStream, Session
from tap_livechat.timestamps import is_plausible, parse

if TYPE_CHECKING:
    import typing as t
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    import click
    from jsonschema import ValidationError
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_URLS = ("api_url", "cdp_url", "accounts_url")
# Sent in headers, or as part of one.
_WORDS = (
    "account_id",
    "personal_access_token",
    "access_token",
    "client_id",
    "client_secret",
    "refresh_token",
    "region",
)
_MOST_LOOKBACK_MINUTES = 10 * 366 * 24 * 60


class TapLiveChat(Tap):
    """LiveChat (Text): visitors, chats and events, incrementally, for the fewest requests."""

    name = "tap-livechat"
    message_writer_class = MessageWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
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
            description="With start_date: one period of a back-fill. Nothing that began later is "
            "read.",
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
            description="The data centre the account lives in, if LiveChat asks for it: dal or "
            "fra.",
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
            "max_concurrent_requests",
            th.IntegerType(minimum=1, maximum=16),
            default=1,
            title="Requests at a time",
            description="Without effect, kept for settings of version 0.1: one request at a time. "
            "Periods side by side (end_date) bring speed.",
        ),
    ).to_dict()

    def __init__(self, *, parse_env_config: bool = False, **options: Any) -> None:
        self._termination = Termination()
        self._session: Session | None = None
        if parse_env_config:
            self._check_environment()
        _check_state(options.get("state"))
        super().__init__(parse_env_config=parse_env_config, **options)
        _check_bookmarks(self.state.get("bookmarks") or {}, self.streams)

    def discover_streams(self) -> Sequence[LiveChatStream]:
        archives = ArchivePass(self.session)
        source = self.config.get("visitor_source")
        return [
            CustomerVisitors(self, self.session)
            if source == "customers"
            else CdpVisitors(self, self.session)
            if source == "cdp"
            else ArchiveVisitors(self, self.session, archives),
            Chats(self, self.session, archives),
            ChatEvents(self, self.session, archives),
            Agents(self, self.session),
            Groups(self, self.session),
            Tags(self, self.session),
        ]

    def session(self) -> Session:
        """What the streams of this run share."""
        if self._session is None:
            config = self.config
            self._session = Session(
                client=Client(
                    config,
                    auth.authenticator(config),
                    self.logger,
                    f"{self.name}/{self.plugin_version}",
                ),
                termination=self._termination,
                lookback=timedelta(minutes=config["lookback_minutes"]),
                start_date=parse(config.get("start_date")),
                end_date=parse(config.get("end_date")),
                page_size=config["page_size"],
                group_ids=list(config.get("group_ids") or ()),
                include_customers_without_chats=config["include_customers_without_chats"],
            )
        return self._session

    def close(self) -> None:
        """End the run: say what it cost, and let go of the connections."""
        if self._session is not None:
            count = self._session.client.count
            by_method = ", ".join(f"{name} {made}" for name, made in sorted(count.made.items()))
            self.logger.info(
                "LiveChat requests: %d (%s), $%.5f at $%.2f per 1,000",
                count.total,
                by_method or "none",
                count.dollars,
                DOLLARS_PER_1000_REQUESTS,
            )
            self._session.client.close()
            self._session = None

    @classmethod
    def invoke(  # type: ignore[override] # the SDK's own Tap narrows it in the same way
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: t.IO[str] | None = None,
        catalog: t.IO[str] | None = None,
    ) -> None:
        """As the SDK's, and says at the end what the run cost."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        if sys.stdout is None:
            raise SettingsError("standard output is closed: there is nowhere to write to")
        tap = cls(
            config=config.config if config else {},
            state=_content(state, "--state"),
            catalog=_content(catalog, "--catalog"),
            parse_env_config=bool(config and config.parse_env),
        )
        # Records come and go by the hundred thousand and hold no cycles: looking for some between
        # them takes a third of the time.
        gc.freeze()
        gc.set_threshold(200_000, 20, 50)
        try:
            tap.sync_all()
        finally:
            tap.close()

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Reads the settings' files; one that is no JSON is one line."""
        try:
            return super().cb_config(ctx, param, value)
        except ValueError as error:
            raise _no_json("--config", error) from None

    @classmethod
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        return Command(
            name=command.name,
            callback=command.callback,
            help=command.help,
            context_settings=command.context_settings,
            params=command.params,
            logger=cls.logger,
        )

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._termination.signalled(signum)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """As the SDK's, but a message never shows a value: it may be a secret."""
        config = self._config
        for name in [name for name, value in config.items() if value is None]:
            del config[name]
        for name in _WORDS:
            if isinstance(config.get(name), str):
                config[name] = config[name].strip()  # as a file with a secret ends with a newline
        # The validator also fills in the defaults.
        self.append_builtin_config(self.config_jsonschema)
        validator = JSONSchemaValidator(self.config_jsonschema)
        errors = [_describe(error) for error in validator.iter_errors(config)]
        if raise_errors and not errors:
            errors = list(_problems(config))
        if raise_errors and errors:
            raise ConfigValidationError("wrong settings", errors=errors)
        return errors

    @classmethod
    def _check_environment(cls) -> None:
        """Say which variable is wrong; the SDK would only quote its value."""
        for name, schema in cls.config_jsonschema["properties"].items():
            variable = f"{cls._env_var_prefix}{name.upper()}"
            value = os.environ.get(variable)
            if value is None:
                continue
            kind = next(kind for kind in schema["type"] if kind != "null")
            if kind == "integer" and not re.fullmatch(r"\s*-?\d+\s*", value):
                raise SettingsError(f"{variable} (setting {name}): it must be a whole number")
            if kind in {"array", "object"} and not _is_json(value):
                raise SettingsError(f"{variable} (setting {name}): it must be JSON, a {kind}")


def _describe(error: ValidationError) -> str:
    """One wrong setting, without its value."""
    if error.validator == "required":
        return error.message
    setting = error.path[0] if error.path else "config"
    schema = TapLiveChat.config_jsonschema["properties"].get(setting, {})
    if error.validator == "enum":
        allowed = ", ".join(str(value) for value in schema["enum"] if value is not None)
        return f"setting {setting}: it must be one of {allowed}"
    if error.validator in {"minimum", "maximum"}:
        return f"setting {setting}: its {error.validator} is {error.validator_value}"
    kinds = schema.get("type", "something else")
    kind = kinds if isinstance(kinds, str) else " or ".join(k for k in kinds if k != "null")
    return f"setting {setting}: it must be of type {kind}"


def _problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say."""
    problem = auth.check_credentials(config)
    if problem:
        yield problem
    for name in _WORDS:
        if not re.fullmatch(r"[!-~]*", config.get(name, "")):
            yield f"setting {name}: it holds a blank or a letter that does not belong there"
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
            yield f"setting {name}: it is no address"
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


def _check_state(state: Any) -> None:
    """Of another form it would be taken for none, and everything be read, and billed, again."""
    if isinstance(state, (str, os.PathLike)) or not state:
        return  # a file's path, which the SDK reads
    bookmarks = state.get("bookmarks") if isinstance(state, dict) else None
    if not isinstance(bookmarks, dict) or not all(isinstance(b, dict) for b in bookmarks.values()):
        raise StateError(
            'the state is not of the form {"bookmarks": {stream: {…}}}; pass the last STATE that '
            "the target wrote, or none to begin anew"
        )


# What a bookmark may hold: our own, version 0.1's, and the SDK's.
_BOOKMARK = {"replication_key", "replication_key_value", "open_threads", "belongs_to"} | {
    *("open_since", "starting_replication_value", "replication_key_signpost"),
    *("progress_markers", "partitions"),
}


def _check_bookmarks(bookmarks: Mapping[str, Any], streams: Iterable[str]) -> None:
    """As above: what nothing reads would be taken for no bookmark at all."""
    for name, bookmark in bookmarks.items():
        if name not in streams:
            near = difflib.get_close_matches(name, streams, 1)
            hint = f"; did you mean {near[0]}?" if near else f": {', '.join(streams)}"
            raise StateError(f"state: there is no stream {name}{hint}")
        for key in sorted(bookmark.keys() - _BOOKMARK):
            raise StateError(
                f"state of {name}: a bookmark has no {key}; it is "
                '{"replication_key": …, "replication_key_value": "2026-01-31T00:00:00Z"}'
            )


def _content(file: t.IO[str] | None, option: str) -> Any:
    if file is None:
        return None
    try:
        return load_json(file.read())
    except ValueError as error:
        raise _no_json(option, error) from None


def _no_json(option: str, error: ValueError) -> SettingsError:
    line = getattr(error, "lineno", None)
    where = f", at line {line}" if line else ""
    return SettingsError(f"{option}: the file is no JSON{where}")


def _is_json(text: str) -> bool:
    try:
        load_json(text)
    except ValueError:
        return False
    return True
