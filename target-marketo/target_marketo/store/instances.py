"""The name of an instance, by which the store tells whose leases, runs and errors they are."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


def instance_name(endpoint: str) -> str:
    """The host of an endpoint, however it is written: Marketo's limits are per instance.

    `HOST:443` and `host.` are `host`; a port that is not the scheme's own belongs to the name.
    """
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".").lower()
    if ":" in host:
        host = f"[{host}]"
    own = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return host if own else f"{host}:{parts.port}"
