"""A governed connection to the instance that the settings name."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from target_marketo.governor import Governor, Limits
from target_marketo.governor.writer import TERM_SECONDS, Writer
from target_marketo.marketo.auth import Token
from target_marketo.marketo.client import Marketo
from target_marketo.marketo.connections import pooled_session
from target_marketo.store.leases import DatabaseLeases

if TYPE_CHECKING:
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_LEASE_GRACE_SECONDS = 10.0


def governor(settings: Settings, database: Database) -> Governor:
    """The budget of calls that all processes on the store share."""
    return Governor(
        settings.instance,
        Limits(
            calls=settings.rate_limit_calls,
            seconds=settings.rate_limit_seconds,
            concurrent=settings.max_concurrent_calls,
            daily=settings.max_daily_calls,
            lease_seconds=settings.request_timeout_seconds + _LEASE_GRACE_SECONDS,
        ),
        DatabaseLeases(database),
        random=Random(),  # noqa: S311 - jitter, not a secret
    )


def marketo(settings: Settings, database: Database) -> Marketo:
    """The instance; nothing is sent yet."""
    session = pooled_session(settings.max_concurrent_calls, settings.endpoint)
    return Marketo(
        endpoint=settings.endpoint,
        token=Token(session, settings.identity, settings.client_id, settings.client_secret),
        session=session,
        governor=governor(settings, database),
        timeout=settings.request_timeout_seconds,
    )


def writer(settings: Settings, database: Database) -> Writer:
    """The right to write to the instance, which one run at a time has."""
    # Calls of a killed run are waited for anyway: no need to take longer over its term.
    term = min(TERM_SECONDS, settings.request_timeout_seconds + _LEASE_GRACE_SECONDS)
    return Writer(settings.instance, DatabaseLeases(database), term_seconds=term)
