"""The rows of a call that writes: carried out one after the other, each with its own outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tests.sandbox.faults import carried_out

from .counts import JournalRow
from .errors import RecordError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .call import Call
    from .instance import Content, Finish, Instance

MAX_ROWS = 300
Row = dict[str, Any]


def checked(rows: Sequence[Any] | None, name: str = "input", most: int = MAX_ROWS) -> None:
    """Refuse a call without rows, or with too many."""
    if not rows:
        raise ResponseError("1002", name)
    if len(rows) > most:
        raise ResponseError("1003", f"More than {most} records in one call")


def write(
    instance: Instance,
    call: Call,
    rows: Sequence[Any],
    write_one: Callable[[Any], Row],
    *,
    reasons: str = "reasons",
    numbered: bool = False,
    echo: Callable[[Any], Row] = lambda _: {},
) -> Finish:
    """What carries the rows out when the call's latency has passed.

    `write_one` answers a row with its `status`, or raises why it is skipped, which is told under
    `reasons` beside what `echo` repeats of the row; `numbered` rows have a `seq`.
    """
    struck = _struck(instance, call, rows)

    def finish() -> Content:
        call.entry.applied = instance.clock.now()
        results = []
        for number, row in enumerate(carried_out(call.fault, rows)):
            try:
                result = write_one(row) if number not in struck else _skip(struck[number])
            except RecordError as error:
                result = {"status": "skipped", reasons: [error.as_json()], **echo(row)}
                journalled = JournalRow("skipped", codes=(error.code,))
            else:
                journalled = JournalRow(result["status"], result.get("leadId") or result.get("id"))
            instance.counts.count_row(call.entry.kind, journalled.status)
            if instance.options.journal_values:
                journalled.values = row if isinstance(row, dict) else {"id": row}
            call.entry.rows.append(journalled)
            results.append({"seq": number, **result} if numbered else result)
        return {"result": results}

    return finish


def _skip(code: str) -> NoReturn:
    raise RecordError(code, text=f"sandbox: {code}")


def _struck(instance: Instance, call: Call, rows: Sequence[Any]) -> dict[int, str]:
    """The rows that the fault of the call lets be skipped, with the code."""
    fault = call.fault
    if fault is None or fault.what != "row":
        return {}
    marked, random = fault.holding.lower(), instance.fault_random
    return {
        number: fault.code
        for number, row in enumerate(rows)
        if (marked in str(row).lower() if marked else random.random() < fault.share)
    }
