"""`.env`, written: what is set goes to its line, everything else stays as it is."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING

from target_marketo.ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PLAIN = re.compile(r"[\w@%+=:,./-]*", re.ASCII)


def text_with(text: str, values: Mapping[str, str]) -> str:
    """The text of a `.env` with these values, each on its own line or on its commented one."""
    for name, value in values.items():
        forms = ("", "# ?") if value else ("",)  # a default that is commented out stays so
        line = f"{name}={_quoted(name, value)}"
        for comment in forms:
            pattern = re.compile(rf"^{comment}{name}=.*$", re.MULTILINE)
            if pattern.search(text):
                text = pattern.sub(lambda _, new=line: new, text, count=1)  # type: ignore[misc] # mypy cannot tell the default's type
                break
        else:
            if value:
                text += f"{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n"
    return text


def write(path: Path, text: str) -> None:
    """For its owner alone from the first byte on; a reader sees the old file or the new one.

    Raises:
        OpsError: It cannot be written, and is as it was.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OpsError(f"{path.name} cannot be written ({error.strerror})") from None


def _quoted(name: str, value: str) -> str:
    if not value.isprintable():
        raise OpsError(f"`{name}` holds a character that no line can")
    if "${" in value:
        raise OpsError(f"`{name}` holds ${{, which .env cannot: set it in the environment instead")
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
