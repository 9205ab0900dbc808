"""`python -m tests.pictures [NAME…]`: redraws the README's pictures, from the sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.pictures.picture import svg
from tests.pictures.screens import SCREENS, taken

if __name__ == "__main__":
    wanted = sys.argv[1:] or [screen.name for screen in SCREENS]
    for screen in SCREENS:
        if screen.name in wanted:
            path = Path(__file__).with_name(f"{screen.name}.svg")
            path.write_text(svg(taken(screen), screen.title, screen.name), encoding="utf-8")
            print(f"{path.name}: {path.stat().st_size:,} bytes")
