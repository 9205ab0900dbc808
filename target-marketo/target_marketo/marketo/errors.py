"""What can go wrong at Marketo, as errors; which code becomes which is derived from codes.py.

MarketoError                    the run cannot go on as it is
├── NotAuthorized               credentials or permissions: a person has to act
├── QuotaSpent                  the day's calls are used up: the next run goes on
├── Unavailable                 not executed, and retrying long enough did not help
├── Rejected                    not executed: this request is wrong
│   ├── SendFewer               not executed: fewer rows may pass
│   ├── EndsLane                not executed: nor would anything for this list, program, type
│   └── EndsKind                not executed: nor would anything of this kind
└── OutcomeUnknown              may have been executed: look before writing again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_marketo.marketo.codes import Class, Executed, of_response, of_row

if TYPE_CHECKING:
    from target_marketo.marketo.codes import Advice

__all__ = [
    "Class",
    "EndsKind",
    "EndsLane",
    "MarketoError",
    "NotAuthorized",
    "OutcomeUnknown",
    "QuotaSpent",
    "Rejected",
    "SendFewer",
    "Throttled",
    "TokenRefused",
    "Unavailable",
    "error_of",
    "of_response",
    "of_row",
]


class MarketoError(Exception):
    """Marketo could not do what it was asked. The text is safe to show: no secret, no value."""

    def __init__(self, text: str, *, code: str = "", request_id: str = "") -> None:
        where = f" (request {request_id})" if request_id else ""
        super().__init__(text + where)
        self.code = code
        self.request_id = request_id


class NotAuthorized(MarketoError):
    """Credentials or permissions: a person has to act."""


class QuotaSpent(MarketoError):
    """The day's calls are used up."""


class Unavailable(MarketoError):
    """Not executed, and waiting did not help."""


class Rejected(MarketoError):
    """Not executed: this request is wrong, and would be wrong again."""


class SendFewer(Rejected):
    """Not executed: fewer rows may pass."""


class EndsLane(Rejected):
    """Not executed: this list, program, type or object is wrong or gone."""


class EndsKind(Rejected):
    """Not executed: nothing of this kind is allowed, or it was not bought."""


class OutcomeUnknown(MarketoError):
    """May have been executed, or may be yet, for `at_work_seconds` from when it was raised.

    `after_timeout` tells a lost wait from a lost connection.
    """

    def __init__(
        self,
        text: str,
        *,
        code: str = "",
        request_id: str = "",
        after_timeout: bool = False,
        at_work_seconds: float = 0.0,
    ) -> None:
        super().__init__(text, code=code, request_id=request_id)
        self.after_timeout = after_timeout
        self.at_work_seconds = at_work_seconds


# These two never leave call.py.


class TokenRefused(MarketoError):
    """Not executed: 600 to 602."""


class Throttled(MarketoError):
    """Not executed: 606 or 615, or the right to send was lost before it was used."""


_ACCESS_DENIED = "603"
_RAISED: dict[Class, type[MarketoError]] = {
    Class.CONCURRENCY: Throttled,
    Class.KIND: EndsKind,
    Class.LANE: EndsLane,
    Class.PERMANENT: SendFewer,  # one of the rows; alone it goes to the error log
    Class.QUOTA: QuotaSpent,
    Class.RATE: Throttled,
    Class.SPLIT: SendFewer,
    Class.TOKEN: TokenRefused,
    Class.TRANSIENT: Unavailable,
}


def error_of(code: str, advice: Advice, *, writes: bool) -> type[MarketoError]:
    """What to raise for a request that was refused with a code; `writes` is whether it writes."""
    if writes and advice.executed is Executed.UNKNOWN:
        return OutcomeUnknown
    if code == _ACCESS_DENIED and advice.kind is Class.FATAL:
        return NotAuthorized
    return _RAISED.get(advice.kind, Rejected)
