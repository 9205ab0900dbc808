"""What can go wrong at Marketo: every code with what to do about it and what to tell.

    MarketoError                    the run cannot go on as it is
    ├── NotAuthorized               credentials or permissions: a person has to act
    ├── QuotaSpent                  the day's calls are used up: the next run goes on
    ├── Unavailable                 not executed, and retrying long enough did not help
    ├── Rejected                    not executed: this request is wrong
    │   └── SendFewer               not executed: fewer rows may pass
    └── OutcomeUnknown              may have been executed: look before writing again

Marketo answers nearly every error with HTTP 200, so the body's codes decide, never the status
alone (Adobe: "Error codes"). Message texts have changed over the years and echo values of people:
they are neither parsed nor shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Class(Enum):
    """What a code asks for."""

    TRANSIENT = auto()  # not executed: wait and send again
    TOKEN = auto()  # not executed: a new token, once, and send again
    RATE = auto()  # not executed: everybody waits
    CONCURRENCY = auto()  # not executed: fewer calls at once
    QUOTA = auto()  # not executed: stop until Marketo's midnight
    FATAL = auto()  # not executed: configuration or programming
    UNKNOWN = auto()  # may have been executed: look the people up, then decide again
    SPLIT = auto()  # not executed: send fewer rows
    EMPTY = auto()  # no data; not an error
    PERMANENT = auto()  # this row can never be written as it is
    LOOKUP = auto()  # this row: look the person up again, then decide again


@dataclass(frozen=True, slots=True)
class Advice:
    """A code's class, its meaning, and what a person can do."""

    kind: Class
    meaning: str
    cure: str


_WAIT = "nothing: it is sent again"
_REPORT = "report it with the request id"
_ROLE = "give the API user's role the permission, or add this host to the IP allow-list"
_TOKEN = "nothing: a new token is fetched"  # noqa: S105 - a sentence, not a token
_VALUE = "correct the value at its source or in `streams`, then replay"

# Adobe: "Error codes", response level and HTTP level.
RESPONSE: dict[str, Advice] = {
    "413": Advice(Class.SPLIT, "the request is larger than 1 MB", "nothing: it is split"),
    "414": Advice(Class.FATAL, "the address is longer than 8 KB", _REPORT),
    "429": Advice(Class.RATE, "too many requests", _WAIT),
    "500": Advice(Class.UNKNOWN, "internal server error", _WAIT),
    "502": Advice(Class.UNKNOWN, "bad gateway, likely a time-out", _WAIT),
    "503": Advice(Class.UNKNOWN, "service unavailable", _WAIT),
    "504": Advice(Class.UNKNOWN, "gateway time-out", _WAIT),
    "600": Advice(Class.TOKEN, "the access token is empty", _TOKEN),
    "601": Advice(Class.TOKEN, "the access token is invalid", _TOKEN),
    "602": Advice(Class.TOKEN, "the access token has expired", _TOKEN),
    "603": Advice(Class.FATAL, "access denied", _ROLE),
    "604": Advice(Class.UNKNOWN, "Marketo ran out of time", "nothing: fewer rows are sent"),
    "605": Advice(Class.FATAL, "HTTP method not supported", _REPORT),
    "606": Advice(Class.RATE, "rate limit of the instance reached", _WAIT),
    "607": Advice(
        Class.QUOTA, "daily quota of the instance reached", "wait until midnight US Central"
    ),
    "608": Advice(Class.TRANSIENT, "the API is temporarily unavailable", _WAIT),
    "609": Advice(Class.SPLIT, "invalid JSON", _REPORT),
    "610": Advice(Class.FATAL, "no such resource", "check `endpoint`"),
    "611": Advice(Class.UNKNOWN, "system error", "nothing: fewer rows are sent"),
    "612": Advice(Class.FATAL, "invalid content type", _REPORT),
    "613": Advice(Class.FATAL, "invalid multipart request", _REPORT),
    "614": Advice(
        Class.TRANSIENT,
        "the subscription cannot be reached",
        "if it stays: check the host in `endpoint`",
    ),
    "615": Advice(Class.CONCURRENCY, "too many calls at once", _WAIT),
    "616": Advice(
        Class.FATAL, "invalid subscription type", "ask Adobe whether the API is included"
    ),
    "701": Advice(Class.FATAL, "a parameter is blank", _REPORT),
    "702": Advice(Class.EMPTY, "no data found", "nothing"),
    "703": Advice(Class.FATAL, "the feature is not enabled", "ask Adobe to enable it"),
    "704": Advice(Class.FATAL, "invalid date", _REPORT),
    "709": Advice(Class.FATAL, "a business rule forbids it", _REPORT),
    "710": Advice(Class.FATAL, "parent folder not found", _REPORT),
    "711": Advice(Class.FATAL, "wrong folder type", _REPORT),
    "712": Advice(Class.PERMANENT, "a person account cannot be merged", _REPORT),
    "713": Advice(Class.TRANSIENT, "a transient error", _WAIT),
    "714": Advice(Class.PERMANENT, "no default record type", "ask the CRM's administrator"),
    "718": Advice(Class.PERMANENT, "the sales person does not exist", _VALUE),
    "719": Advice(Class.TRANSIENT, "waited too long for a lock", _WAIT),
}

# Adobe: "Error codes", record level. Also answered at response level by some calls.
RECORD: dict[str, Advice] = {
    "1001": Advice(Class.PERMANENT, "a value has the wrong type", _VALUE),
    "1002": Advice(Class.PERMANENT, "a required parameter is missing", _VALUE),
    "1003": Advice(Class.PERMANENT, "a value is invalid", _VALUE),
    "1004": Advice(Class.LOOKUP, "the person has gone", "nothing: looked up again"),
    "1005": Advice(Class.LOOKUP, "the person exists by now", "nothing: looked up again"),
    "1006": Advice(Class.PERMANENT, "a field does not exist", "check the fields in `streams`"),
    "1007": Advice(Class.LOOKUP, "several people have this key", "merge them, or set `duplicates`"),
    "1008": Advice(
        Class.PERMANENT, "no access to the partition", "give the API user's role the workspace"
    ),
    "1009": Advice(Class.FATAL, "a partition must be named", "set `partition_name`"),
    "1010": Advice(
        Class.PERMANENT, "the person is in another partition", "move the person or leave it be"
    ),
    "1011": Advice(Class.FATAL, "the field is not searchable", "choose another `key`"),
    "1012": Advice(Class.PERMANENT, "invalid cookie value", _VALUE),
    "1013": Advice(Class.PERMANENT, "the object does not exist", _VALUE),
    "1014": Advice(Class.PERMANENT, "the object could not be made", "replay it later"),
    "1015": Advice(Class.PERMANENT, "the person is not in the list", "nothing"),
    "1016": Advice(Class.TRANSIENT, "too many imports are queued", _WAIT),
    "1017": Advice(Class.PERMANENT, "the object exists already", "nothing"),
    "1018": Advice(Class.FATAL, "not possible with a native CRM", "leave the field to the CRM"),
    "1019": Advice(Class.TRANSIENT, "an import is in progress", _WAIT),
    "1020": Advice(Class.PERMANENT, "too many clones today", "replay it tomorrow"),
    "1021": Advice(
        Class.PERMANENT, "a company field cannot be written", "take it out of `streams`"
    ),
    "1022": Advice(Class.PERMANENT, "the object is in use", "replay it later"),
    "1025": Advice(Class.FATAL, "no such program status", _REPORT),
    "1026": Advice(Class.FATAL, "custom objects are not enabled", _REPORT),
    "1027": Advice(Class.FATAL, "too many activity types", _REPORT),
    "1028": Advice(Class.FATAL, "too many attributes", _REPORT),
    "1029": Advice(Class.TRANSIENT, "too many jobs are queued", _WAIT),
    "1035": Advice(Class.FATAL, "unsupported filter", _REPORT),
    "1036": Advice(Class.PERMANENT, "the person is twice in one call", _REPORT),
    "1037": Advice(Class.PERMANENT, "already in this status or past it", "nothing"),
    "1042": Advice(Class.FATAL, "invalid run time", _REPORT),
    "1048": Advice(Class.FATAL, "the draft could not be discarded", _REPORT),
    "1049": Advice(Class.PERMANENT, "the attributes are too long", _VALUE),
    "1076": Advice(Class.PERMANENT, "merge refused: a duplicate in the CRM", _REPORT),
    "1077": Advice(Class.PERMANENT, "a value is too long", "shorten it, or set `truncate`"),
    "1078": Advice(Class.PERMANENT, "merge refused: a deleted person", _REPORT),
    "1079": Advice(Class.PERMANENT, "merge refused: personal addresses differ", _REPORT),
    "1080": Advice(Class.FATAL, "too many people in one merge", _REPORT),
}

_FIRST_OF_MARKETO = 600  # codes below are HTTP's

# What a row's code asks for when it refuses the whole request; any other is final. 1003 is also the
# answer to a lookup that more than 1,000 people match.
_WHOLE_REQUEST = {
    "1001": Class.SPLIT,
    "1002": Class.SPLIT,
    "1003": Class.SPLIT,
    "1016": Class.TRANSIENT,
    "1019": Class.TRANSIENT,
    "1029": Class.TRANSIENT,
}

# A row's code that no list knows: 10xx means the row, anything else the request.
_UNKNOWN_ROW = Advice(Class.PERMANENT, "refused with a code that is not documented", _REPORT)
_UNKNOWN_RESPONSE = Advice(Class.UNKNOWN, "an error that is not documented", _REPORT)


def of_response(code: str) -> Advice:
    """What a code in `errors`, or an HTTP status, asks for."""
    if code in RESPONSE:
        return RESPONSE[code]
    if code in RECORD:
        advice = RECORD[code]
        return Advice(_WHOLE_REQUEST.get(code, Class.FATAL), advice.meaning, advice.cure)
    return _UNKNOWN_RESPONSE


def of_row(code: str) -> Advice:
    """What a code in a row's `reasons` asks for."""
    return RECORD.get(code) or RESPONSE.get(code) or _UNKNOWN_ROW


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


class OutcomeUnknown(MarketoError):
    """May have been executed.

    `after_timeout` tells a lost wait from a lost connection. `at_work_seconds` is how much longer
    the call may be at work at Marketo: 0 if its own reply is here.
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

    @property
    def is_of_marketo(self) -> bool:
        """Marketo itself answered, with a code of its own."""
        return bool(self.code) and not (self.code.isdigit() and int(self.code) < _FIRST_OF_MARKETO)
