"""`python -m tests.sandbox.marketo --options JSON`: see `options.py` and `../process.py`."""

from __future__ import annotations

from tests.sandbox.process import serve

from .server import application

if __name__ == "__main__":
    import gc; gc.set_threshold(50000,20,100); serve(application)
