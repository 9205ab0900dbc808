from __future__ import annotations

from tests.sandbox.livechat.server import create_app
from tests.sandbox.process import serve

if __name__ == "__main__":
    serve(create_app, date_header=False)
