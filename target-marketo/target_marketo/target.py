"""The Singer target: settings, command line, signals."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import IO, TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from singer_sdk import Target
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.singerlib.encoding import SimpleSingerReader

from target_marketo import assembly, configuration
from target_marketo.configuration import Configuration
from target_marketo.delivery.interface import DeliveryError
from target_marketo.governor import GovernorError
from target_marketo.marketo.errors import MarketoError
from target_marketo.marketo.leads import WRITE_SECONDS
from target_marketo.problems import SettingError
from target_marketo.run_files import keep_private
from target_marketo.settings import SCHEMA, Settings, unknown
from target_marketo.singer.live_line import live_line
from target_marketo.singer.run import Run
from target_marketo.singer.run_end import EXIT_SIGNAL, Stop, exit_code
from target_marketo.singer.run_record import recorded, seen
from target_marketo.store.activity_ledger import ActivityLedger
from target_marketo.store.cache import Cache
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog, mapping_digest
from target_marketo.store.errors import StoreError
from target_marketo.store.run_ledger import RunLedger
from target_marketo.store.seen import SeenStreams
from target_marketo.writes.kinds import kinds_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from types import FrameType

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from target_marketo.store.database import Database


# The SDK gives the command line, the settings and `--about`; messages go straight to `Run`, because
# the SDK's own sinks lose data on SIGTERM and hardly ever write STATE.
class TargetMarketo(Target):
    """Marketo: people, each field by its own rule, inside limits that all integrations share."""

    name = "target-marketo"
    package_name = "target-marketo"
    config_jsonschema: ClassVar[dict[str, Any]] = SCHEMA
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *, config: Configuration | dict[str, Any], **options: Any) -> None:
        self._run: Run | None = None
        self._database: Database | None = None
        self._found = config if isinstance(config, Configuration) else Configuration(config)
        super().__init__(
            config=self._found.values, message_reader=_Reader(self._consume), **options
        )

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a property of the class
        """The SDK's own way to the environment would read a `.env` beside installed packages."""
        return configuration.read(cls.name, SCHEMA["properties"]).values

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """None of the SDK's settings apply: rows are shaped by `streams`, batches by Marketo."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        try:
            Settings.found(self._found)
        except SettingError as error:
            if raise_errors:
                raise
            return [str(error)]
        return []

    def _consume(self, source: IO[Any]) -> Counter[str]:
        settings = Settings.of(self.config)
        for line in unknown(self.config):
            self.logger.warning("%s", line)
        if settings.request_timeout_seconds < WRITE_SECONDS:
            self.logger.warning(
                "`request_timeout_seconds` = %s is below the %s s that Marketo may take for a "
                "write: a call that was given up on may still be carried out, late",
                settings.request_timeout_seconds,
                WRITE_SECONDS,
            )
        removed = keep_private(configuration.folder(), settings.max_run_minutes)
        if removed:
            self.logger.warning(
                "Deleted %s files with settings that killed runs had left in .meltano/run", removed
            )
        database = self._database = open_database(settings.store_url, settings.store_key)
        try:
            self._consume_into(database, settings, source)
        finally:
            database.close()
        assert self._run is not None  # noqa: S101 - it has just ended
        return self._run.messages

    def _consume_into(self, database: Database, settings: Settings, source: IO[Any]) -> None:
        number = uuid4().hex
        error_log = ErrorLog(
            database,
            number,
            instance=settings.instance,
            mapping=mapping_digest(settings.streams),
        )
        marketo = assembly.marketo(settings, database)
        kinds = kinds_of(settings, marketo, database, number, error_log.hash)
        self._run = Run(settings, marketo, error_log, Cache(database), kinds=kinds)
        with live_line(self._run.summary, marketo.governor):
            if settings.dry_run:
                self._run.consume(source)
                return
            ledger = RunLedger(database, number, settings.instance)
            error_log.forget_older(settings.error_retention_days)
            ledger.forget_older(settings.error_retention_days)
            writer = assembly.writer(settings, database)
            marketo.before_write = writer.check
            streams = SeenStreams(database, settings.instance)
            keeps = seen(streams, number, self._run, settings.error_retention_days)
            with recorded(ledger, self._run), keeps, writer.held():
                ActivityLedger(database, settings.instance).forget_older()
                self._run.consume(source)

    def process_endofpipe(self) -> None:
        """Nothing is left: `Run` ends only when everything is delivered."""

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        del frame
        if self._run is None:
            sys.exit(EXIT_SIGNAL + signum)
        if self._database is not None:
            self._database.hurry()
        self._run.interrupt(signum)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """The files as they were named: `invoke` reads them, and `--about` needs none."""
        del ctx, param
        return value

    @classmethod
    def invoke(  # type: ignore[override] # the SDK's own Target narrows it in the same way
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Sequence[str] = (),
        file_input: IO[str] | None = None,
    ) -> None:
        """Runs the target; what a user can cause ends as one line and an exit code."""
        if about:
            cls.print_about(about_format)
            return
        logging.getLogger("urllib3").setLevel(logging.INFO)  # its DEBUG shows addresses
        _favour_throughput()
        try:
            cls.print_version(print_fn=cls.logger.info)
            target = cls(config=configuration.read(cls.name, SCHEMA["properties"], config))
            target.listen(file_input)
        except Stop as stop:
            cls.logger.error("%s", stop)  # noqa: TRY400 - one line, no traceback
            _leave(stop.code)
        except (SettingError, MarketoError, GovernorError, StoreError, DeliveryError) as error:
            cls.logger.error("%s", error)  # noqa: TRY400 - as above
            _leave(exit_code(error))


class _Reader(SimpleSingerReader):
    """Hands the whole input to the run, in place of the SDK's loop over lines."""

    def __init__(self, consume: Callable[[IO[Any]], Counter[str]]) -> None:
        super().__init__()
        self._consume = consume

    def process_lines(
        self, file_input: IO[str] | None, callbacks: dict[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        del callbacks
        return self._consume(file_input or self.default_input)


def _favour_throughput() -> None:
    """Tells the interpreter what kind of program this is."""
    # A call gives the interpreter up some twenty times, mostly to the store. To get it back from
    # the thread that maps records takes 5 ms each time, unless told otherwise; to give it up much
    # more often than this slows that thread down.
    sys.setswitchinterval(0.002)
    # Records leave no cycles behind: those that wait need not be searched again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def _leave(code: int) -> None:
    """Ends the process; a reader of stdout that has gone must not change the code."""
    try:
        if sys.stdout is not None:  # as it is where the descriptor was closed
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    TargetMarketo.cli()
