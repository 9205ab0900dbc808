"""The command line. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

from target_marketo.ops.command_line import error_log, health, set_up

COMMANDS = (
    set_up.init,
    set_up.check,
    set_up.setup,
    set_up.fields,
    set_up.mapping,
    set_up.explain,
    error_log.errors,
    error_log.activities,
    error_log.replay,
    error_log.purge,
    error_log.rekey,
    health.usage,
    health.digest,
    health.status,
    health.ping,
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """Ends with one line, and no traceback, on whatever a user can cause."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """As people need them, not by the alphabet."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except click.ClickException:
            raise
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            # What is left of the output would fail once more when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.ClickException(f"the output cannot be written ({error.strerror})") from None
        except Exception as error:
            if type(error).__module__.startswith("target_marketo."):
                raise click.ClickException(str(error)) from None
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="target-marketo", prog_name="marketo-ops")
def commands() -> None:
    """Operations of target-marketo: what went wrong, what to do, and one e-mail a day."""


for _command in COMMANDS:
    commands.add_command(_command)


def main() -> None:
    """The console script."""
    commands()


if __name__ == "__main__":
    main()
