"""Marketo on loopback: an HTTP server that enforces what the real REST API enforces.

with MarketoSandbox(slots=2, latency_median=0.1) as marketo:
    ...  # call marketo.endpoint and marketo.identity
    assert not marketo.counts().rejected
"""

from __future__ import annotations

from .client import MarketoSandbox

__all__ = ["MarketoSandbox"]
