"""`--soak ROWS`: one round of so many threads at LiveChat, with 1 % of every fault on both sides.

Limits and time-outs are scaled as everywhere here; calls take 300 rows. What the processes hold in
memory is sampled: a run that reads ten times as much must not hold ten times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.faults.kinds import Kind
from tests.faults.matrix import a_little_of_everything
from tests.faults.pairs import Pair, play_runs
from tests.faults.rounds import marketo_options
from tests.faults.table import PLAIN, markdown
from tests.sandbox.faults import Fault
from tests.sandbox.marketo.client import MarketoSandbox

if TYPE_CHECKING:
    from rich.console import Console

    from tests.faults.pairs import Ended

MOST_GROWTH = 1.3
"""From the second quarter of the longest run to its last."""

_SECONDS_A_ROW = 0.01


def soak(rows: int, seed: int, console: Console) -> int:
    """Plays it; the exit code."""
    pair = _pair(rows)
    with MarketoSandbox(**marketo_options(seed), max_lifetime_seconds=86_400) as marketo:
        played, runs = play_runs(pair, marketo, seed)
        counts = marketo.counts()
    longest = max(runs, key=lambda run: len(run.memory))
    toll = played.verdict.tolls[Kind.PEOPLE]
    violations = [*played.verdict.violations, *_growth(longest)]
    figures = {
        "visitors": f"{rows:,}",
        "records": f"{played.rows:,}",
        "minutes": f"{played.seconds / 60:.1f}",
        "runs": f"{len(runs)}",
        "faults at LiveChat": f"{played.strikes:,}",
        "refusals at Marketo": f"{sum(counts.rejected.values()):,}",
        "created": f"{counts.rows_created:,}",
        "updated": f"{counts.rows_updated:,}",
        "lost": f"{toll.lost:,}",
        "created twice": f"{toll.twice:,}",
        "tap, MB": f"{max(tap for tap, _ in longest.memory):.0f}",
        "target, MB": f"{max(target for _, target in longest.memory):.0f}",
        "violations": f"{len(violations)}",
    }
    console.print(markdown([tuple(figures), tuple(figures.values())]), **PLAIN)
    for sentence in violations:
        console.print(sentence, style="red", markup=False)
    return 1 if violations else 0


def _pair(rows: int) -> Pair:
    livechat = (
        *(
            Fault(what="answer", code=kind, probability=0.01)
            for kind in ("internal", "service_unavailable", "too_many_requests")
        ),
        Fault(what="reset", probability=0.01),
        Fault(what="truncated", probability=0.01),
        Fault(what="status", code="502", probability=0.01),
    )
    everywhere = [
        msgspec.to_builtins(msgspec.structs.replace(fault, at_most=None))
        for fault in a_little_of_everything()
    ]
    return Pair(
        "soak",
        livechat,
        livechat={"visitors": 0, "light_threads": rows},
        marketo={"faults": everywhere, "journal_values": False},
        settings={"batch_size_rows": 300, "max_batch_age_seconds": 6},
        page_size=100,
        patience=120 + rows * _SECONDS_A_ROW,
    )


def _growth(run: Ended) -> list[str]:
    samples = len(run.memory)
    if samples < 80:  # twenty seconds: before that it still loads
        return []
    found = []
    for name, held in zip(("tap", "target"), zip(*run.memory, strict=True), strict=True):
        early, late = max(held[samples // 4 : samples // 2]), max(held[samples * 3 // 4 :])
        if late > early * MOST_GROWTH:
            found.append(f"the {name} grew from {early:.0f} to {late:.0f} MB")
    return found
