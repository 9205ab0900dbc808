"""What became of the records of a run: counts, and the lines that tell them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Summary:
    """Every record received ends as exactly one of delivered, unchanged, skipped or rejected.

    `created`, `updated` and `unchanged_people` count people: five chats of one person are one.
    """

    dry_run: bool = False  # what is counted as written would be
    duplicates: str = "newest"  # who is written of several people with one key
    received: int = 0
    delivered: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0
    created: int = 0
    updated: int = 0
    unchanged_people: int = 0
    twins: int = 0  # keys that several people have
    filled: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # stream, code, field
    left_out: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # likewise
    skipped_because: Counter[str] = field(default_factory=Counter)  # of those that have a key
    attachments: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind, what became

    @property
    def values_left_out(self) -> int:
        """Values that did not fit: the rest of their records was delivered without them."""
        return self.left_out.total()

    @property
    def settled(self) -> int:
        """Records with a known end."""
        return self.delivered + self.unchanged + self.skipped + self.rejected

    def line(self, calls: Counter[str], throttled: Counter[str]) -> str:
        """The one line at the end of a run."""
        without_key = self.skipped - self.skipped_because.total()
        others = "".join(f", {count} {why}" for why, count in sorted(self.skipped_because.items()))
        left_out = self.values_left_out
        values = f", {left_out} values left out" if left_out else ""
        twins = f"; {twins_told(self.twins, self.duplicates)}" if self.twins else ""
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(calls.items()))
        return (
            f"{self.received} records received: {self._people}; "
            f"{without_key} records skipped without key{others}, {self.rejected} rejected{values}; "
            f"{calls.total()} calls ({kinds or 'none'}), {throttled.total()} throttled{twins}"
        )

    @property
    def _people(self) -> str:
        created, updated, left = self.created, self.updated, self.unchanged_people
        if self.dry_run:
            return f"would create {created} people, update {updated}, leave {left}"
        return f"{created} people created, {updated} updated, {left} unchanged"

    def fields_line(self) -> str:
        """Field by field: how often it was filled or changed, and how often Marketo's stayed."""
        names = sorted(self.filled.keys() | self.kept.keys())
        return "; ".join(
            f"{name}: {self.filled[name]} written, {self.kept[name]} kept" for name in names
        )

    @property
    def attached(self) -> dict[str, int]:
        """By kind, how many attachments are in Marketo since this run."""
        return {
            kind: count
            for (kind, outcome), count in sorted(self.attachments.items())
            if outcome == "delivered"
        }

    def attachments_line(self) -> str:
        """What became of what was attached to people; empty if nothing was."""
        return "; ".join(
            f"{kind}: {count} {outcome}"
            for (kind, outcome), count in sorted(self.attachments.items())
        )


def twins_told(keys: int, duplicates: str) -> str:
    """How many keys are several people's, and who of these was written."""
    whose = "address belongs" if keys == 1 else "addresses belong"
    chose = "all of them" if duplicates == "all" else f"the {duplicates}"
    return f"{keys} {whose} to several people; `duplicates` chose {chose}"
