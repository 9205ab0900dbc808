"""tap-livechat: LiveChat's visitors, chats and events, for the fewest billed requests."""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import JSONSchemaValidator
from singer_sdk.singerlib import Catalog

from tap_livechat import check, configuration, selection, settings
from tap_livechat.api import auth
from tap_livechat.api.client import Client
from tap_livechat.configuration import Configuration
from tap_livechat.errors import BudgetError, LiveChatError, ScopeError, SettingsError
from tap_livechat.singer.command import Command, Termination
from tap_livechat.singer.inputs import (
    OURS,
    check_bookmarks,
    check_catalog,
    check_maps,
    check_state,
    content,
    meant,
    wrong_else,
)
from tap_livechat.singer.messages import MessageWriter
from tap_livechat.streams.archives import ArchiveVisitors, ChatEvents, Chats
from tap_livechat.streams.customers import CdpVisitors, CustomerVisitors
from tap_livechat.streams.directory import Agents, Bots, CustomerBans, Groups, Tags
from tap_livechat.streams.reports import DailyReports, QueuedVisitorsLeft
from tap_livechat.streams.stream import LiveChatStream, Session
from tap_livechat.timestamps import parse

if TYPE_CHECKING:
    import typing as t
    from collections.abc import Iterable, Sequence
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum


_KEYS = {
    kind.name: list(kind.primary_keys)
    for kind in (
        *(ArchiveVisitors, Chats, ChatEvents),
        *(Agents, Groups, Tags, Bots, CustomerBans, QueuedVisitorsLeft, DailyReports),
    )
}


@dataclass(frozen=True)
class _Files:
    """What `--config` names, in the shape that the SDK's callbacks expect."""

    names: tuple[str, ...] = ()
    parse_env: bool = False

    @property
    def config(self) -> Configuration:
        TapLiveChat.append_builtin_config(settings.PROPERTIES)
        return configuration.read(TapLiveChat.name, settings.PROPERTIES["properties"], self.names)


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
    config_jsonschema: ClassVar[dict[str, Any]] = settings.PROPERTIES

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
        check_state(options.get("state"))
        catalog: Any = options.get("catalog")
        if isinstance(catalog, (dict, list, int)):
            # Some catalogs have keys among the metadata alone, where the SDK's maps do not look.
            for entry in check_catalog(catalog, _KEYS):
                keys = _KEYS.get(entry["tap_stream_id"])
                entry["key_properties"] = entry.get("key_properties") or keys
        super().__init__(
            config=self._found.values,
            # Of a look at the first rows: a STATE would pass what was not read.
            message_writer=MessageWriter(writes_state=limit is None),
            **options,
        )
        check_bookmarks(self.state.get("bookmarks") or {}, self.streams)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a property of the class
        """The SDK's own way to the environment would read a `.env` beside installed packages."""
        return _Files().config.values

    def discover_streams(self) -> Sequence[LiveChatStream]:
        visitors = {"customers": CustomerVisitors, "cdp": CdpVisitors}
        kinds: list[type[LiveChatStream]] = [
            # A text in any case: nobody checks the settings of `--discover`.
            visitors.get(str(self.config.get("visitor_source")), ArchiveVisitors),
            *(Chats, ChatEvents, Agents, Groups, Tags, Bots, CustomerBans),
            *(QueuedVisitorsLeft, DailyReports),
        ]
        return [kind(self) for kind in kinds]

    def setup_mapper(self) -> None:
        """As the SDK's, of what is selected: nothing is left of others for a map to work on."""
        super(Tap, self).setup_mapper()
        chosen = Catalog(
            (name, entry)
            for name, entry in self.catalog.items()
            if entry.metadata.resolve_selection().get((), True)
        )
        self.mapper.register_raw_streams_from_catalog(chosen)

    @property
    def selected_streams(self) -> list[LiveChatStream]:
        """The visitors first: they matter most."""
        all_of_them = cast("Iterable[LiveChatStream]", self.streams.values())
        selected = (stream for stream in all_of_them if stream.selected)
        return sorted(selected, key=lambda stream: stream.name != "visitors")

    @property
    def progress(self) -> str:
        """How far all streams got, to compare."""
        bookmarks = self.state.get("bookmarks", {}).items()
        own = [(name, key, each[key]) for name, each in bookmarks for key in each if key in OURS]
        return json.dumps(own)

    def session(self) -> Session:
        """What the streams of this run share."""
        if self._session is None:
            config, user_agent = self.config, f"{self.name}/{self.plugin_version}"
            self._session = Session(
                client=Client(config, auth.authenticator(config), self.logger, user_agent),
                termination=self._termination,
                lookback=timedelta(minutes=config["lookback_minutes"]),
                start_date=parse(config.get("start_date")),
                end_date=parse(config.get("end_date")),
                limit=self._limit,
                page_size=min(config["page_size"], self._limit or config["page_size"]),
                group_ids=list(config.get("group_ids") or ()),
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
            self.logger.info("LiveChat requests: %s", self._session.client.count)
            self._session.client.close()
            self._session = None

    @classmethod
    def invoke(  # type: ignore[override] # the SDK's own Tap narrows it in the same way
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _Files,
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
        tap = cls._made(config, catalog, state=content(state, "--state"), limit=limit)
        # Records come and go by the hundred thousand and hold no cycles: looking for some between
        # them takes a third of the time. (The target's are other things, and its thresholds too.)
        gc.freeze()
        gc.set_threshold(200_000, 20, 50)
        gc.enable()
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
        config: _Files,
        catalog: t.IO[str] | None,
        *,
        most_requests: int | None = None,
        **options: Any,
    ) -> TapLiveChat:
        """A tap of what the command line names; what cannot be meant is an error."""
        found = config.config
        known = cls.config_jsonschema["properties"]
        for name in found.values.keys() - known.keys():
            cls.logger.warning("there is no setting %s%s", name, meant(name, known))
        if most_requests:
            found.values["max_requests"] = most_requests
        chosen = content(catalog, "--catalog")
        if chosen is None and (texts := selection.patterns(cls.name, config.names)) is not None:
            chosen = selection.select(cls(config=found).catalog_dict, texts)
        tap = cls(config=found, catalog=chosen, **options)
        fields = {name: getattr(stream, "fields", ()) for name, stream in tap.streams.items()}
        check_maps(tap.config.get("stream_maps", {}), fields)
        if not tap.selected_streams:
            raise SettingsError(f"no stream is selected: there are {', '.join(tap.streams)}")
        return tap

    @classmethod
    def _check(cls, config: _Files, catalog: t.IO[str] | None, *, as_json: bool) -> bool:
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
        return _Files(value)

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
        for name in settings.WORDS:
            if isinstance(config.get(name), str):
                config[name] = config[name].strip()  # as a file with a secret ends with a newline
        # The validator also fills in the defaults.
        self.append_builtin_config(self.config_jsonschema)
        validator = JSONSchemaValidator(self.config_jsonschema)
        if mistake := wrong_else(config.get("stream_maps")):
            errors = [mistake]
        else:
            errors = [settings.described(error) for error in validator.iter_errors(config)]
        if raise_errors and not errors:
            errors = list(settings.problems(config))
        errors = [self._found.placed(error) for error in errors]
        if raise_errors and errors:
            raise ConfigValidationError("wrong settings", errors=errors)
        return errors
