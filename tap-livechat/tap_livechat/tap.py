"""tap-livechat: LiveChat's visitors, chats and events, for the fewest billed requests."""

from __future__ import annotations

import difflib
import gc
import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import click
from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._util import load_json
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_livechat import check, configuration, selection
from tap_livechat.api import auth
from tap_livechat.api.client import DOLLARS_PER_1000_REQUESTS, Client
from tap_livechat.configuration import Configuration
from tap_livechat.errors import BudgetError, LiveChatError, ScopeError, SettingsError, StateError
from tap_livechat.singer.command import Command, Termination
from tap_livechat.singer.inputs import check_catalog, check_maps, meant
from tap_livechat.singer.messages import MessageWriter
from tap_livechat.streams.archives import ArchivePass, ArchiveVisitors, ChatEvents, Chats
from tap_livechat.streams.customers import CdpVisitors, CustomerVisitors
from tap_livechat.streams.directory import Agents, Bots, CustomerBans, Groups, Tags
from tap_livechat.streams.reports import DailyReports, QueuedVisitorsLeft
from tap_livechat.streams.stream import LiveChatStream, Session
from tap_livechat.timestamps import is_plausible, parse

if TYPE_CHECKING:
    import typing as t
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from jsonschema import ValidationError
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_URLS = ("api_url", "cdp_url", "accounts_url")
_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
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


@dataclass(frozen=True)
class _Files:
    """What `--config` names, in the shape that the SDK's callbacks expect."""

    tap: type[TapLiveChat]
    names: tuple[str, ...]
    parse_env: bool = False

    @property
    def config(self) -> Configuration:
        return self.tap._configuration(self.names)  # noqa: SLF001 - of the same file


class TapLiveChat(Tap):
    """LiveChat (Text): visitors, chats and events, incrementally, for the fewest requests."""

    name = "tap-livechat"
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
            "max_requests",
            th.IntegerType(minimum=1),
            title="Most requests a run",
            description="A run that has made so many requests ends, in good order and with its "
            "STATE; the next one goes on. Without it there is no such end.",
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

    def __init__(
        self,
        *,
        config: Configuration | dict[str, Any] | None = None,
        limit: int | None = None,
        **options: Any,
    ) -> None:
        self._limit = limit
        self._termination = Termination()
        self._session: Session | None = None
        self._found = config if isinstance(config, Configuration) else Configuration(config or {})
        # Whether somebody chose the streams, or they are simply all that there are.
        self.has_selection = options.get("catalog") is not None
        self.left_out: dict[str, ScopeError] = {}
        _check_state(options.get("state"))
        if isinstance(catalog := options.get("catalog"), (dict, list, int)):
            check_catalog(catalog)
        super().__init__(
            config=self._found.values,
            # Of a look at the first rows: a STATE would pass what was not read.
            message_writer=MessageWriter(writes_state=limit is None),
            **options,
        )
        _check_bookmarks(self.state.get("bookmarks") or {}, self.streams)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a property of the class
        """The SDK's own way to the environment would read a `.env` beside installed packages."""
        return cls._configuration().values

    @classmethod
    def _configuration(cls, files: Sequence[str] = ()) -> Configuration:
        cls.append_builtin_config(cls.config_jsonschema)
        return configuration.read(cls.name, cls.config_jsonschema["properties"], files)

    def discover_streams(self) -> Sequence[LiveChatStream]:
        archives = ArchivePass(self.session)
        agents, groups = Agents(self, self.session), Groups(self, self.session)
        source = self.config.get("visitor_source")
        return [
            CustomerVisitors(self, self.session)
            if source == "customers"
            else CdpVisitors(self, self.session)
            if source == "cdp"
            else ArchiveVisitors(self, self.session, archives),
            Chats(self, self.session, archives, agents, groups),
            ChatEvents(self, self.session, archives),
            agents,
            groups,
            *(
                kind(self, self.session)
                for kind in (Tags, Bots, CustomerBans, QueuedVisitorsLeft, DailyReports)
            ),
        ]

    @property
    def selected_streams(self) -> list[LiveChatStream]:
        """The visitors first: they matter most."""
        selected = (
            stream
            for stream in self.streams.values()
            if isinstance(stream, LiveChatStream) and stream.selected
        )
        return sorted(selected, key=lambda stream: stream.name != "visitors")

    @property
    def progress(self) -> str:
        """How far all streams got, to compare."""
        bookmarks = (self.state or {}).get("bookmarks", {})
        return json.dumps(
            [
                (name, key, value)
                for name, bookmark in bookmarks.items()
                for key, value in bookmark.items()
                if not key.startswith("starting_")
            ]
        )

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
                limit=self._limit,
                page_size=min(config["page_size"], self._limit or config["page_size"]),
                group_ids=list(config.get("group_ids") or ()),
                include_customers_without_chats=config["include_customers_without_chats"],
            )
        return self._session

    def sync_all(self) -> None:  # type: ignore[misc] # as LiveChatStream.sync
        """As the SDK's; a token that may read none of the streams ends the run."""
        super().sync_all()
        read = {name for name, stream in self.streams.items() if stream.selected}
        if self.left_out and read == self.left_out.keys():
            raise next(iter(self.left_out.values()))

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
        config: _Files | None = None,
        state: t.IO[str] | None = None,
        catalog: t.IO[str] | None = None,
        check: str | None = None,
        limit: int | None = None,
    ) -> None:
        """As the SDK's, and says at the end what the run cost."""
        if about:
            cls.print_about(about_format)
            return
        if check:
            sys.exit(0 if cls._check(config, catalog, as_json=check == "json") else 1)
        cls.print_version(print_fn=cls.logger.info)
        if sys.stdout is None:
            raise SettingsError("standard output is closed: there is nowhere to write to")
        tap = cls._made(config, catalog, state=_content(state, "--state"), limit=limit)
        # Records come and go by the hundred thousand and hold no cycles: looking for some between
        # them takes a third of the time.
        gc.freeze()
        gc.set_threshold(200_000, 20, 50)
        before = tap.progress
        try:
            tap.sync_all()
        except BudgetError as end:
            if tap.progress == before:
                raise BudgetError(f"{end}, and the run got no further: set it higher") from None
            cls.logger.warning("%s; the next run goes on from the last STATE", end)
        finally:
            tap.close()

    @classmethod
    def _made(
        cls,
        config: _Files | None,
        catalog: t.IO[str] | None,
        *,
        most_requests: int | None = None,
        **options: Any,
    ) -> TapLiveChat:
        """A tap of what the command line names; what cannot be meant is an error."""
        files = config.names if config else ()
        settings = cls._configuration(files)
        known = cls.config_jsonschema["properties"]
        for name in settings.values.keys() - known.keys():
            cls.logger.warning("there is no setting %s%s", name, meant(name, known))
        if most_requests:
            changed = {**settings.values, "max_requests": most_requests}
            settings = Configuration(changed, settings.places)
        chosen = _content(catalog, "--catalog")
        if chosen is None and (texts := selection.patterns(cls.name, files)) is not None:
            chosen = selection.select(cls(config=settings).catalog_dict, texts)
        tap = cls(config=settings, catalog=chosen, **options)
        check_maps(tap.config.get("stream_maps", {}), tap.streams)
        if not tap.selected_streams:
            raise SettingsError(f"no stream is selected: there are {', '.join(tap.streams)}")
        return tap

    @classmethod
    def _check(cls, config: _Files | None, catalog: t.IO[str] | None, *, as_json: bool) -> bool:
        """Print what `--check` finds; whether a run would work."""
        findings, billed = [], 0
        try:
            tap = cls._made(config, catalog, most_requests=check.MOST_REQUESTS)
            client = tap.session().client
            findings = list(
                check.check(client, tap.config, tap.selected_streams, is_chosen=tap.has_selection)
            )
            billed = client.count.billed
            tap.close()
        except ConfigValidationError as error:
            findings = [check.Finding("settings", "failed", "; ".join(error.errors))]
        except LiveChatError as error:
            findings = [check.Finding("settings", "failed", str(error))]
        if as_json:
            click.echo(json.dumps(check.report(findings, billed), ensure_ascii=False))
        else:
            for each in findings:
                click.echo(f"{each.status.replace('_', ' '):9} {each.check:8} {each.message}")
        return check.is_fine(findings)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """The files as they were named: they are read when a run needs them, not for `--about`."""
        del ctx, param
        return _Files(cls, value)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        options = [
            click.Option(
                ["--check"],
                is_flag=False,
                flag_value="text",
                type=click.Choice(["text", "json"]),
                help="Try token, scopes, account and clock, for at most 2 billed requests.",
            ),
            click.Option(
                ["--limit"],
                type=click.IntRange(min=1),
                help="Read the first N visitors or threads alone, and write no STATE.",
            ),
        ]
        return Command(
            name=command.name,
            callback=command.callback,
            help=command.help,
            context_settings=command.context_settings,
            params=[*command.params, *options],
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
            errors = [*_problems(config), *_surroundings()]
        errors = [self._found.placed(error) for error in errors]
        if raise_errors and errors:
            raise ConfigValidationError("wrong settings", errors=errors)
        return errors


def _describe(error: ValidationError) -> str:
    """One wrong setting, without its value."""
    if error.validator == "required":
        return error.message
    setting = error.path[0] if error.path else "config"
    schema = TapLiveChat.config_jsonschema["properties"].get(setting, {})
    if setting == "stream_maps" and len(error.path) > 1:
        deepest = max((each.path for each in error.context or ()), key=len, default=())
        where = ".".join(map(str, (*list(error.path)[1:], *deepest)))
        return f"setting stream_maps: {where}: it must be an expression, or null for none"
    if error.validator == "enum":
        allowed = ", ".join(str(value) for value in schema["enum"] if value is not None)
        return f"setting {setting}: it must be one of {allowed}"
    if error.validator in {"minimum", "maximum"}:
        return f"setting {setting}: its {error.validator} is {error.validator_value}"
    kinds = schema.get("type", "something else")
    kind = kinds if isinstance(kinds, str) else " or ".join(k for k in kinds if k != "null")
    return f"setting {setting}: it must be of type {kind}"


def _surroundings() -> Iterator[str]:
    """Requests raises an error for it that is none of its own."""
    bundle = next(filter(None, map(os.environ.get, _CA_BUNDLES)), None)
    if bundle and not os.path.exists(bundle):  # noqa: PTH110 - as requests looks for it
        yield f"{' or '.join(_CA_BUNDLES)} in the environment: there is no file {bundle}"


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
    return SettingsError(f"{option}: the file is not JSON{where}")
