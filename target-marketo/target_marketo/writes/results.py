"""Marketo's answers in the engine's words: what a row's code, or a failed call, makes of it.

One place for every kind of write. What a kind sees otherwise (a code that means success to it, one
that ends its lane) it says in a table of its own, `but`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_marketo.delivery.interface import CallFailed, Fate, NotSent, Result
from target_marketo.governor import Cancelled
from target_marketo.marketo.codes import Class, Family, of_response, of_row
from target_marketo.marketo.errors import (
    EndsKind,
    EndsLane,
    MarketoError,
    NotAuthorized,
    OutcomeUnknown,
    Rejected,
    SendFewer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_marketo.marketo.attachments import Written
    from target_marketo.marketo.replies import Row

NO_SUCH_FIELD = "1006"
_FATES = {
    Class.DONE: Fate.DONE,
    Class.FATAL: Fate.ENDS_RUN,
    Class.KIND: Fate.ENDS_KIND,
    Class.LANE: Fate.ENDS_LANE,
    Class.LOOKUP: Fate.AGAIN,
    Class.PERMANENT: Fate.REFUSED,
}  # any other is waited for
_FATES_OF_CALLS: tuple[tuple[type[MarketoError], Fate], ...] = (
    (OutcomeUnknown, Fate.UNKNOWN),
    (SendFewer, Fate.REFUSED),
    (EndsLane, Fate.ENDS_LANE),
    (EndsKind, Fate.ENDS_KIND),
    (MarketoError, Fate.ENDS_RUN),
)
_ENDS_THE_RUN: dict[str, type[MarketoError]] = {"603": NotAuthorized}  # any other: Rejected
# What to do about a row that got the same answer until nobody tried any more.
_TRIED = "Marketo said so until nobody tried any more: replay it later"
_WORN_OUT = {
    "1004": "somebody deletes or merges the person again and again: replay it later",
    "1005": "it exists, and lookups do not find it: see whether it is in another partition",
}
_SEE = "see what Marketo holds, then replay"


def results_of(
    rows: Iterable[Row] | Iterable[Written],
    asked: str,
    request_id: str,
    family: Family = Family.PEOPLE,
    but: Mapping[str, Fate] | None = None,
) -> list[Result]:
    """How rows ended; `asked` names the call in errors."""
    done = Fate.DONE
    return [
        Result(done, row.lead_id)
        if row.status != "skipped"
        else _skipped(row, asked, request_id, family, but)
        for row in rows
    ]


def _skipped(
    row: Row | Written, asked: str, request_id: str, family: Family, but: Mapping[str, Fate] | None
) -> Result:
    code = row.code
    advice = of_row(code, family)
    fate = (but or {}).get(code) or _alone(_FATES.get(advice.kind, Fate.LATER), family)
    error = None
    if fate is Fate.ENDS_RUN:
        text = f"Marketo answered {code} to {asked}: {advice.meaning}; {advice.cure}"
        error = _ENDS_THE_RUN.get(code, Rejected)(text, code=code, request_id=request_id)
    return Result(
        fate,
        row.lead_id,
        code,
        _WORN_OUT.get(code) or (_TRIED if fate is Fate.LATER else advice.cure),
        doubts=code == NO_SUCH_FIELD,
        error=error,
    )


def failure_of(
    error: MarketoError | Cancelled,
    family: Family = Family.PEOPLE,
    but: Mapping[str, Fate] | None = None,
    *,
    doubts: str = "",
    cure: str = "",
) -> CallFailed | NotSent:
    """What a failed call is to the engine; `doubts` is one more code that a lost field has.

    `cure` is what to do about it, where that is not what the code says.
    """
    if isinstance(error, Cancelled):
        return NotSent()
    fate = next(fate for kind, fate in _FATES_OF_CALLS if isinstance(error, kind))
    if isinstance(error, Rejected):
        fate = _alone(fate, family)
    unknown = error if isinstance(error, OutcomeUnknown) else None
    return CallFailed(
        error,
        (but or {}).get(error.code) or fate,
        code=error.code,
        cure=cure or (_SEE if unknown or not error.code else of_response(error.code, family).cure),
        request_id=error.request_id,
        at_work_seconds=unknown.at_work_seconds if unknown else 0.0,
        halves=unknown is not None and bool(error.code or unknown.after_timeout),
        doubts=bool(error.code) and error.code in (NO_SUCH_FIELD, doubts),
    )


def _alone(fate: Fate, family: Family) -> Fate:
    """What is wrong with a kind of attachments ends that kind: people go on."""
    return Fate.ENDS_KIND if fate is Fate.ENDS_RUN and family is not Family.PEOPLE else fate
