"""Page ids: opaque, for one method only, and they expire."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.sandbox.livechat.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The vendor's sample page ids are a number of milliseconds in Base64.
_FIRST = 1_517_398_131_496


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for, once and for all its pages."""

    method: str
    limit: int
    ascending: bool
    rows: Callable[[int], Sequence[Any]]  # the time -> the rows then, each with its place in order


@dataclass(slots=True)
class Page:
    rows: Sequence[Any]
    found: int
    passed: int  # rows up to this page's end
    next_id: str | None
    previous_id: str | None


@dataclass(slots=True)
class _Cursor:
    query: Query
    issued_at: int
    after: Any = None  # the last row of the page before
    skipped: int = 0
    previous: str | None = None
    # The rows as of a time, which the next page takes over while the clock stands still.
    listing: tuple[int, Sequence[Any]] | None = field(default=None, repr=False)


class Pages:
    def __init__(self) -> None:
        self._cursors: dict[str, _Cursor] = {}

    def first(self, query: Query, now: int, paging: Literal["keyset", "offset"]) -> Page:
        return self._page(_Cursor(query, now), None, now, paging)

    def follow(
        self,
        method: str,
        page_id: str,
        now: int,
        paging: Literal["keyset", "offset"],
        lifetime: int,
    ) -> Page:
        cursor = self._cursors.get(page_id)
        if cursor is None or cursor.query.method != method:
            raise ApiError("validation", "`page_id` is invalid")
        if now - cursor.issued_at > lifetime:
            raise ApiError("validation", "`page_id` has expired")
        return self._page(cursor, page_id, now, paging)

    def _page(
        self, cursor: _Cursor, own_id: str | None, now: int, paging: Literal["keyset", "offset"]
    ) -> Page:
        query = cursor.query
        if cursor.listing is None or cursor.listing[0] != now:
            cursor.listing = (now, query.rows(now))
        rows = cursor.listing[1]
        taken, rest = _slice(rows, cursor, paging)
        own_id = own_id or self._keep(cursor)
        next_id = None
        if rest:
            following = _Cursor(
                query, now, taken[-1], cursor.skipped + len(taken), own_id, cursor.listing
            )
            next_id = self._keep(following)
        return Page(taken, len(rows), cursor.skipped + len(taken), next_id, cursor.previous)

    def _keep(self, cursor: _Cursor) -> str:
        number = _FIRST + len(self._cursors)
        page_id = base64.b64encode(str(number).encode()).decode()
        self._cursors[page_id] = cursor
        return page_id


def _slice(
    rows: Sequence[Any], cursor: _Cursor, paging: Literal["keyset", "offset"]
) -> tuple[Sequence[Any], bool]:
    """The cursor's page of `rows`, which are in ascending order, and whether more follow."""
    limit, count = cursor.query.limit, len(rows)
    if cursor.query.ascending:
        first = cursor.skipped
        if paging == "keyset" and cursor.after is not None:
            first = bisect_right(rows, cursor.after)
        return rows[first : first + limit], first + limit < count
    end = max(count - cursor.skipped, 0)
    if paging == "keyset" and cursor.after is not None:
        end = bisect_left(rows, cursor.after)
    return rows[max(end - limit, 0) : end][::-1], end > limit
