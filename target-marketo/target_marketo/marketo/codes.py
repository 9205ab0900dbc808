"""Every code that Marketo answers: one table, one row a code, and all that follows from it.

A row says what the code asks for where it skips a row of ours and where it refuses the request,
whether a request that is answered so was executed, what to tell people, and whether a replay can
help. Errors, retries, advice, the digest and `replay` are derived from it; a new code is a new row.

Where an endpoint means something else by a code, a further row names the family of endpoints.
Marketo answers nearly every error with HTTP 200, so the body's code decides, never the status alone
(Adobe: "Error codes"). Message texts have changed over the years and echo values of people: they
are neither parsed nor shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, Flag, StrEnum, auto


class Class(Enum):
    """What a code asks for."""

    TRANSIENT = auto()  # wait, and try again
    TOKEN = auto()  # a new token, and send again
    RATE = auto()  # everybody waits
    CONCURRENCY = auto()  # fewer calls at once
    QUOTA = auto()  # stop until Marketo's midnight
    SPLIT = auto()  # send fewer rows
    EMPTY = auto()  # no data; not an error
    DONE = auto()  # this row is as it should be
    LOOKUP = auto()  # this row: look the person up again, then decide again
    PERMANENT = auto()  # this row can never be written as it is
    LANE = auto()  # no row for this list, program, type or object can be written
    KIND = auto()  # no row of this kind can be written: not allowed, or not bought
    FATAL = auto()  # nothing can be written: configuration or programming


class Executed(StrEnum):
    """Whether a request that was refused with a code may have been carried out."""

    NOT = "not executed"
    UNKNOWN = "unknown"


class Replay(Enum):
    """Whether sending a refused record again can help."""

    HELPS = auto()
    IF_CHANGED = auto()  # only with another value, or another mapping
    NEVER = auto()  # there is nothing left to do


class Family(Flag):
    """Endpoints that mean the same by their codes."""

    PEOPLE = auto()  # lookup, sync, describe, and all that no other names
    ACTIVITIES = auto()
    LISTS = auto()
    STATUS = auto()  # of program members
    MEMBER_DATA = auto()
    OBJECTS = auto()
    SCHEMA = auto()  # types, fields, assets: what `setup` makes
    ATTACHMENTS = ACTIVITIES | LISTS | STATUS | MEMBER_DATA | OBJECTS
    ANY = PEOPLE | ATTACHMENTS | SCHEMA


@dataclass(frozen=True, slots=True)
class Code:
    """One row. `row` and `request` are what it asks for at either level.

    `at_work` says that whoever answers so may not be Marketo: the call may still be at work there.
    """

    code: str
    row: Class
    request: Class
    meaning: str
    cure: str
    replay: Replay
    executed: Executed
    at_work: bool
    families: Family


@dataclass(frozen=True, slots=True)
class Advice:
    """A code at one level: what it asks for, its meaning, what a person can do."""

    kind: Class
    meaning: str
    cure: str
    replay: Replay = Replay.HELPS
    executed: Executed = Executed.NOT
    at_work: bool = False


_WAIT = "nothing: it is sent again"
_FEWER = "nothing: fewer rows are sent"
_REPORT = "report it with the request id"
_ROLE = "give the API user's role the permission, or add this host to the IP allow-list"
_TOKEN = "nothing: a new token is fetched"  # noqa: S105 - a sentence, not a token
_VALUE = "correct the value at its source or in `streams`, then replay"
_BETWEEN = "check `endpoint`, and what stands between this host and Marketo"
_NAMES = "check the names in `streams`: marketo-ops check lists what Marketo has"
_BOUGHT = "ask Adobe to enable it, or take it out of `streams`"


def _request(
    code: str,
    asks: Class,
    meaning: str,
    cure: str,
    executed: Executed = Executed.NOT,
    *,
    replay: Replay = Replay.HELPS,
    at_work: bool = False,
    families: Family = Family.ANY,
) -> Code:
    """A code of Adobe's response level, or an HTTP status: it refuses requests."""
    return Code(code, asks, asks, meaning, cure, replay, executed, at_work, families)


def _gateway(code: str, meaning: str, cure: str) -> Code:
    """An HTTP status that says nothing sure of the request."""
    return _request(code, Class.TRANSIENT, meaning, cure, Executed.UNKNOWN, at_work=True)


def _row(
    code: str,
    asks: Class,
    meaning: str,
    cure: str,
    replay: Replay = Replay.HELPS,
    *,
    request: Class = Class.FATAL,
    families: Family = Family.ANY,
) -> Code:
    """A code of Adobe's record level: it skips rows, and some calls refuse requests with it."""
    return Code(
        code, asks, request, meaning, cure, replay, Executed.NOT, at_work=False, families=families
    )


_UNKNOWN = Executed.UNKNOWN
_TRANSIENT, _FATAL, _PERMANENT = Class.TRANSIENT, Class.FATAL, Class.PERMANENT
_IF_CHANGED, _NEVER = Replay.IF_CHANGED, Replay.NEVER
_ATTACHMENTS = Family.ATTACHMENTS

TABLE: tuple[Code, ...] = (
    # HTTP statuses. Only the first three are sure to be Marketo's word that nothing was done.
    _request("413", Class.SPLIT, "the request is larger than 1 MB", "nothing: it is split"),
    _request("414", _FATAL, "the address is longer than 8 KB", _REPORT),
    _request("429", Class.RATE, "too many requests", _WAIT),
    _gateway("401", "HTTP status: not authorized", _BETWEEN),
    _gateway("403", "HTTP status: forbidden", _BETWEEN),
    _gateway("404", "HTTP status: not found", _BETWEEN),
    _gateway("407", "a proxy wants a user name and a password", "put them into HTTPS_PROXY"),
    _gateway("500", "internal server error", _WAIT),
    _gateway("502", "bad gateway, likely a time-out", _WAIT),
    _gateway("503", "service unavailable", _WAIT),
    _gateway("504", "gateway time-out", _WAIT),
    # Adobe: "Error codes", response level
    _request("600", Class.TOKEN, "the access token is empty", _TOKEN),
    _request("601", Class.TOKEN, "the access token is invalid", _TOKEN),
    _request("602", Class.TOKEN, "the access token has expired", _TOKEN),
    _request("603", _FATAL, "access denied", _ROLE),
    _request("603", Class.KIND, "access denied", _ROLE, families=_ATTACHMENTS),
    _request("604", _TRANSIENT, "Marketo ran out of time", _FEWER, _UNKNOWN),
    _request("605", _FATAL, "HTTP method not supported", _REPORT),
    _request("606", Class.RATE, "rate limit of the instance reached", _WAIT),
    _request(
        "607", Class.QUOTA, "daily quota of the instance reached", "wait until midnight US Central"
    ),
    _request("608", _TRANSIENT, "the API is temporarily unavailable", _WAIT),
    _request("609", Class.SPLIT, "invalid JSON", _REPORT),
    _request("610", _FATAL, "no such resource", "check `endpoint`"),
    _request("610", Class.LANE, "no such resource", _NAMES, families=_ATTACHMENTS),
    _request("611", _TRANSIENT, "system error", _FEWER, _UNKNOWN),
    _request("612", _FATAL, "invalid content type", _REPORT),
    _request("613", _FATAL, "invalid multipart request", _REPORT),
    _request(
        "614",
        _TRANSIENT,
        "the subscription cannot be reached",
        "if it stays: check the host in `endpoint`",
    ),
    _request("615", Class.CONCURRENCY, "too many calls at once", _WAIT),
    _request("616", _FATAL, "invalid subscription type", "ask Adobe whether the API is included"),
    _request("616", Class.KIND, "not part of the subscription", _BOUGHT, families=_ATTACHMENTS),
    _request("701", _FATAL, "a parameter is blank", _REPORT),
    _request("702", Class.EMPTY, "no data found", "nothing"),
    _request("703", _FATAL, "the feature is not enabled", "ask Adobe to enable it"),
    _request("703", Class.KIND, "the feature is not enabled", _BOUGHT, families=_ATTACHMENTS),
    _request("704", _FATAL, "invalid date", _REPORT),
    _request("709", _FATAL, "a business rule forbids it", _REPORT),
    _request(
        "709", Class.LOOKUP, "the name is taken", "nothing: looked up", families=Family.SCHEMA
    ),
    _request("710", _FATAL, "parent folder not found", _REPORT),
    _request("711", _FATAL, "wrong folder type", _REPORT),
    _request("712", _PERMANENT, "a person account cannot be merged", _REPORT, _UNKNOWN),
    _request("713", _TRANSIENT, "a transient error", _WAIT, _UNKNOWN),
    _request("714", _PERMANENT, "no default record type", "ask the CRM's administrator", _UNKNOWN),
    _request(
        "718",
        _PERMANENT,
        "the sales person does not exist",
        _VALUE,
        _UNKNOWN,
        replay=_IF_CHANGED,
    ),
    _request("719", _TRANSIENT, "waited too long for a lock", _WAIT, _UNKNOWN),
    # Adobe: "Error codes", record level
    _row(
        "1001", _PERMANENT, "a value has the wrong type", _VALUE, _IF_CHANGED, request=Class.SPLIT
    ),
    _row(
        "1002",
        _PERMANENT,
        "a required parameter is missing",
        _VALUE,
        _IF_CHANGED,
        request=Class.SPLIT,
    ),
    # Also the answer to a lookup that more than 1,000 people match.
    _row("1003", _PERMANENT, "a value is invalid", _VALUE, _IF_CHANGED, request=Class.SPLIT),
    _row("1004", Class.LOOKUP, "the person has gone", "nothing: looked up again"),
    _row(
        "1004",
        Class.LOOKUP,
        "the person has gone",
        "nothing: looked up again",
        request=Class.SPLIT,
        families=_ATTACHMENTS,
    ),
    _row("1005", Class.LOOKUP, "the person exists by now", "nothing: looked up again"),
    _row("1006", _PERMANENT, "a field does not exist", "check the fields in `streams`"),
    _row(
        "1006",
        Class.LANE,
        "an attribute or field does not exist",
        _NAMES,
        request=Class.LANE,
        families=_ATTACHMENTS,
    ),
    _row("1007", Class.LOOKUP, "several people have this key", "merge them, or set `duplicates`"),
    _row(
        "1008", _PERMANENT, "no access to the partition", "give the API user's role the workspace"
    ),
    _row("1009", _FATAL, "a partition must be named", "set `partition_name`"),
    _row(
        "1010", _PERMANENT, "the person is in another partition", "move the person or leave it be"
    ),
    _row("1011", _FATAL, "the field is not searchable", "choose another `key`"),
    _row("1012", _PERMANENT, "invalid cookie value", _VALUE, _IF_CHANGED),
    _row("1013", _PERMANENT, "the object does not exist", _VALUE, _IF_CHANGED),
    _row(
        "1013",
        Class.LANE,
        "the list, program, activity type or object does not exist",
        _NAMES,
        request=Class.LANE,
        families=_ATTACHMENTS ^ Family.MEMBER_DATA,
    ),
    _row(
        "1013",
        _PERMANENT,
        "the person is not a member of the program",
        "give the person a status in the program first, then replay",
        request=Class.LANE,
        families=Family.MEMBER_DATA,
    ),
    _row("1014", _PERMANENT, "the object could not be made", "replay it later"),
    _row("1015", _PERMANENT, "the person is not in the list", "nothing", _NEVER),
    _row("1016", _TRANSIENT, "too many imports are queued", _WAIT, request=_TRANSIENT),
    _row("1017", _PERMANENT, "the object exists already", "nothing", _NEVER),
    _row(
        "1017",
        Class.DONE,
        "the person is in the list already",
        "nothing",
        _NEVER,
        families=Family.LISTS,
    ),
    _row("1018", _FATAL, "not possible with a native CRM", "leave the field to the CRM"),
    _row("1019", _TRANSIENT, "an import is in progress", _WAIT, request=_TRANSIENT),
    _row("1020", _PERMANENT, "too many clones today", "replay it tomorrow"),
    _row("1021", _PERMANENT, "a company field cannot be written", "take it out of `streams`"),
    _row("1022", _PERMANENT, "the object is in use", "replay it later"),
    _row("1025", _FATAL, "no such program status", _REPORT),
    _row(
        "1025",
        Class.LANE,
        "the program's channel has no such status",
        _NAMES,
        request=Class.LANE,
        families=Family.STATUS,
    ),
    _row("1026", _FATAL, "custom objects are not enabled", _REPORT),
    _row(
        "1026",
        Class.KIND,
        "custom objects are not enabled",
        _BOUGHT,
        request=Class.KIND,
        families=_ATTACHMENTS,
    ),
    _row("1027", _FATAL, "too many activity types", _REPORT),
    _row("1028", _FATAL, "too many attributes", _REPORT),
    _row(
        "1028",
        Class.LANE,
        "more than 20 attributes",
        "map fewer of them in `streams`",
        request=Class.LANE,
        families=Family.ACTIVITIES,
    ),
    _row("1029", _TRANSIENT, "too many jobs are queued", _WAIT, request=_TRANSIENT),
    _row("1035", _FATAL, "unsupported filter", _REPORT),
    _row("1036", _PERMANENT, "the person is twice in one call", _REPORT),
    _row("1037", _PERMANENT, "already in this status or past it", "nothing", _NEVER),
    _row(
        "1037",
        Class.DONE,
        "already in this status or past it",
        "nothing",
        _NEVER,
        families=Family.STATUS,
    ),
    _row("1042", _FATAL, "invalid run time", _REPORT),
    _row("1048", _FATAL, "the draft could not be discarded", _REPORT),
    _row("1049", _PERMANENT, "the attributes are too long", _VALUE, _IF_CHANGED),
    _row("1076", _PERMANENT, "merge refused: a duplicate in the CRM", _REPORT),
    _row("1077", _PERMANENT, "a value is too long", "shorten it, or set `truncate`", _IF_CHANGED),
    _row("1078", _PERMANENT, "merge refused: a deleted person", _REPORT),
    _row("1079", _PERMANENT, "merge refused: personal addresses differ", _REPORT),
    _row("1080", _FATAL, "too many people in one merge", _REPORT),
)

# Codes that no row has. Their numbers tell what can be told (Adobe: "Error codes": 10xx are about
# rows, 701 to 711 about parameters); whatever else may have been executed.
_NOT_DOCUMENTED = "refused with a code that is not documented"
_NO_WORD = Advice(_TRANSIENT, _NOT_DOCUMENTED, _REPORT, executed=_UNKNOWN)
_UNDOCUMENTED = (
    (r"10\d\d", Advice(Class.SPLIT, _NOT_DOCUMENTED, _REPORT)),
    (r"70[1-9]|71[01]", Advice(_FATAL, _NOT_DOCUMENTED, _REPORT)),
    (r"[1-5]\d\d", Advice(_TRANSIENT, _NOT_DOCUMENTED, _BETWEEN, executed=_UNKNOWN, at_work=True)),
)
_UNDOCUMENTED_ROW = Advice(_PERMANENT, _NOT_DOCUMENTED, _REPORT)


def _index() -> dict[tuple[str, Family], Code]:
    found = {}
    for entry in sorted(TABLE, key=lambda entry: entry.families is not Family.ANY):
        for family in entry.families:
            found[entry.code, family] = entry
    return found


_INDEX = _index()


_FAMILIES = {
    "list": Family.LISTS,
    "program": Family.STATUS,
    "object": Family.OBJECTS,
    "activity": Family.ACTIVITIES,
}


def family_of(part: str) -> Family:
    """The calls that write a part of a record, such as `list:Customers` in the error log."""
    return _FAMILIES.get(part.partition(":")[0], Family.PEOPLE)


def is_documented(code: str) -> bool:
    """Whether the table has it."""
    return (code, Family.PEOPLE) in _INDEX


def of_row(code: str, family: Family = Family.PEOPLE) -> Advice:
    """What a code in a row's `reasons` or `errors` asks for."""
    found = _INDEX.get((code, family))
    return _UNDOCUMENTED_ROW if found is None else _advice(found, found.row)


def class_of(code: str, part: str) -> str:
    """The same, as one word for the error log: why this part of a record was refused."""
    return of_row(code, family_of(part)).kind.name.lower()


def of_response(code: str, family: Family = Family.PEOPLE) -> Advice:
    """What a code in `errors`, or an HTTP status, asks for."""
    found = _INDEX.get((code, family))
    if found is not None:
        return _advice(found, found.request)
    return next((advice for form, advice in _UNDOCUMENTED if re.fullmatch(form, code)), _NO_WORD)


def _advice(found: Code, kind: Class) -> Advice:
    return Advice(
        kind, found.meaning, found.cure, found.replay, found.executed, at_work=found.at_work
    )
