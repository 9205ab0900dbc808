"""What the two servers saw, in a few lines for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.marketo.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.environment import Sandbox
    from tests.sandbox.marketo.counts import Counts


def report(sandbox: Sandbox) -> str:
    limits = Options().replaced(sandbox.marketo.options)
    return "\n".join(
        (*_livechat(sandbox.livechat.counts()), *_marketo(sandbox.marketo.counts(), limits))
    )


def _livechat(counts: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        "LiveChat",
        f"  requests      {counts['requests_total']:,}{_each(counts['requests'])}",
        f"  billed        {counts['billed']:,}",
        f"  errors        {sum(counts['errors'].values()):,}{_each(counts['errors'])}",
        f"  in flight     {counts['max_in_flight']} at most",
    )


def _marketo(counts: Counts, limits: Options) -> tuple[str, ...]:
    skipped, rejected = counts.rows_skipped, counts.rejected
    window = f"{limits.rate_calls} in {limits.rate_seconds:g} s"
    return (
        "Marketo",
        f"  calls         {sum(counts.calls.values()):,}{_each(counts.calls)}",
        f"  rejected      {sum(rejected.values()):,}{_each(rejected)}",
        f"  leads         {_leads(counts)}",
        f"  rows skipped  {sum(skipped.values()):,}{_each(skipped)}",
        f"  worst window  {counts.worst_in_window} calls; allowed: {window}",
        f"  in flight     {counts.worst_in_flight} at most; allowed: {limits.slots}",
        f"  today         {counts.calls_today:,} calls; allowed: {limits.daily_quota:,}",
        *(f"  {kind}{_each(rows)}" for kind, rows in sorted(counts.rows.items())),
    )


def _leads(counts: Counts) -> str:
    return (
        f"{counts.rows_created:,} created, {counts.rows_updated:,} changed, "
        f"{counts.rows_unchanged:,} written without a change"
    )


def _each(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    return f" ({', '.join(f'{name} {count:,}' for name, count in sorted(counts.items()))})"
