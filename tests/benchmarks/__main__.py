"""Says which benchmarks there are.

python -m tests.benchmarks
"""

from __future__ import annotations

import ast
from pathlib import Path


def main() -> None:
    """Prints the name of each benchmark that can be run, and what it measures."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path.stem.startswith("_") or "def main()" not in source:
            continue
        about = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]
        print(f"python -m tests.benchmarks.{path.stem}\n    {about}")


if __name__ == "__main__":
    main()
