"""`python -m tests.sandbox.marketo --options JSON`: see `options.py` and `../process.py`."""

from __future__ import annotations

import gc

from tests.sandbox.process import serve

from .server import application

if __name__ == "__main__":
    # Leads and the journal only grow and form no cycles: fewer collections, a fifth less time.
    gc.set_threshold(50_000, 20, 100)
    serve(application, date_header=False)
