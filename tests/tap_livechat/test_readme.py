"""The package's README says what the package says of itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tap_livechat.records import schemas
from tests.tap_livechat.conftest import TAP

README = Path(__file__).resolve().parents[2] / "tap-livechat" / "README.md"
SDK_SETTINGS = ("stream_map", "faker_config", "flattening_")


def test_its_table_of_settings_is_the_one_of_about() -> None:
    done = subprocess.run(
        [TAP, "--about", "--format=markdown"], capture_output=True, text=True, check=True
    )
    settings = [
        line
        for line in done.stdout.splitlines()
        if line.startswith("| ")
        and not line.startswith(tuple(f"| {name}" for name in SDK_SETTINGS))
    ]

    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(settings) > 15
    assert [line for line in settings if line not in lines] == []


def test_every_field_of_every_stream_is_explained() -> None:
    text = README.read_text(encoding="utf-8")
    streams = (
        schemas.VISITOR,
        schemas.CHAT,
        schemas.CHAT_EVENT,
        schemas.AGENT,
        schemas.GROUP,
        schemas.TAG,
        schemas.BOT,
        schemas.CUSTOMER_BAN,
        schemas.QUEUED_VISITOR_LEFT,
        schemas.DAILY_REPORT,
    )

    for fields in streams:
        for name, (_, meaning) in fields.items():
            assert f"| `{name}` |" in text
            assert meaning in text
