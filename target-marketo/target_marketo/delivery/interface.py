"""What the engine and the kinds of writes say to each other. Knows no API.

A record is one step for its person and any number of attachments to that person. `People` looks
people up and writes them; once a person's lead id is known, each attachment becomes one row of its
lane, and its `Kind` sends full batches of a lane.

Of each row a kind tells a `Result`, whose `fate` says what the engine does:

| fate      | a row                                    | a whole call (`CallFailed`)              |
|-----------|------------------------------------------|------------------------------------------|
| DONE      | is as it should be                       |                                          |
| AGAIN     | its person is looked up again, at once   |                                          |
| LATER     | the same after a while, a few times      |                                          |
| REFUSED   | goes to the error log                    | one of its rows does: fewer rows may pass|
| UNKNOWN   | as the kind's `unknown` says             | the same, once it cannot be at work      |
| ENDS_LANE | and all others of the lane will be, too  | so do all of the lane                    |
| ENDS_KIND | not allowed, not bought                  | so do all of the kind                    |
| ENDS_RUN  | whatever is written: the run ends        | the run ends                             |
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from target_marketo.mapping.attachments import Attachment as Mapped
    from target_marketo.mapping.refusals import Refused


class Fate(Enum):
    """What becomes of a row, or of a call; see the module's table."""

    DONE = auto()
    AGAIN = auto()
    LATER = auto()
    REFUSED = auto()
    UNKNOWN = auto()
    ENDS_LANE = auto()
    ENDS_KIND = auto()
    ENDS_RUN = auto()


class Result(msgspec.Struct, frozen=True, gc=False):
    """What became of one row.

    `code` and `cure` are for the error log; `field` is the field at fault, if one is. `without`:
    the fields of the row that it was refused for, and may be sent without; `always`: as any row
    would be, whatever their values. `doubts`: the
    row was refused for a field that may have gone from the instance. `wait_seconds`: not before
    that, for UNKNOWN and LATER. `error` is what a run ends with (ENDS_RUN). `counted` is what the
    summary calls a row that is DONE: delivered, the same (as one that is there), or skipped.
    """

    fate: Fate
    lead_id: int | None = None
    code: str = ""
    cure: str = ""
    field: str = ""
    without: frozenset[str] = frozenset()
    always: bool = False
    doubts: bool = False
    wait_seconds: float = 0.0
    error: Exception | None = None
    counted: str = "delivered"


class Answer(NamedTuple):
    """One result for each row sent, in their order, and the id that Support asks for."""

    results: Sequence[Result]
    request_id: str = ""


class CallFailed(Exception):
    """A call that brought no result for its rows.

    Args:
        error: Why, safe to show; it is what a run that ends for it ends with.
        fate: See the module's table; any but DONE, AGAIN and LATER.
        code: The API's, empty if there was no answer.
        cure: What to do about the one row of such a call.
        at_work_seconds: How much longer the call may be at work (UNKNOWN).
        halves: Whether the number of rows may be the cause (UNKNOWN).
        doubts: Whether it was refused for a field that may have gone.
    """

    def __init__(
        self,
        error: Exception,
        fate: Fate,
        *,
        code: str = "",
        cure: str = "",
        request_id: str = "",
        at_work_seconds: float = 0.0,
        halves: bool = False,
        doubts: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.fate = fate
        self.code = code
        self.cure = cure
        self.request_id = request_id
        self.at_work_seconds = at_work_seconds
        self.halves = halves
        self.doubts = doubts


class NotSent(Exception):
    """The run ends, and the call was not made."""


class Stale(Exception):
    """What was decided is too old to be sent."""


class DeliveryError(Exception):
    """Why a run fails that the engine itself found out. The text is safe to show."""


class Unavailable(DeliveryError):
    """Nothing gets through any more."""


class Incomplete(DeliveryError):
    """Something could not be delivered, all else was."""


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """What a record wants done beside its person's fields.

    `kind` names the kind of write, `lane` what rows of a call have in common (a list, a program and
    its status, an object), `payload` is the encoded row without its link to the person, `once` what
    makes it the same wherever it comes again, if anything does. `part` is what the error log calls
    the lane, such as `list:Customers`; if empty, as the kind.
    """

    kind: str
    lane: Any
    payload: bytes
    once: str | None = None
    part: str = ""


class Row(NamedTuple):
    """A row of a call: `row` as it is sent, the person that it is about, and `once` as above.

    `key` is the person's.
    """

    row: bytes
    lead_id: int
    once: str | None = None
    key: str = ""


class OnUnknown(Enum):
    """What to do about rows that may or may not have been written."""

    SEND_AGAIN = auto()  # it changes nothing to say it twice
    READ_BACK = auto()  # ask the kind what has arrived


class Folding(Enum):
    """What a run does with two attachments of one identity."""

    FIRST = auto()  # the first is sent, the others are the same
    LATEST = auto()  # the last one's payload is what is to be


class Kind(Protocol):
    """A kind of attachments: one file in `writes/`. `send` and `read_back` run on a worker thread.

    `send` does what belongs to the moment of sending itself: it asks the API's client to call it
    back once the slot is granted, and there it may claim its rows in a ledger and leave out those
    that are there already, whose result is DONE.
    """

    @property
    def name(self) -> str:
        """As in `Attachment.kind`, in logs, and as the part in the error log."""

    @property
    def unknown(self) -> OnUnknown:
        """What to do after an unknown outcome."""

    @property
    def folding(self) -> Folding:
        """What to do with the same thing said twice."""

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """The row as it is sent."""

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable | None:
        """What two attachments have in common that are about the same; None: nothing ever."""

    def replaces(self, lane: Any, before: Any) -> bool:
        """Whether what is said later, to a lane, takes the place of what was said before of the
        same, to the same lane or another (LATEST).
        """

    def prepare(self) -> Mapping[Any, Mapping[str, str]]:
        """What has to be known before the first row. This is called by the engine's own thread.

        Returns:
            Lane -> value -> data type, as far as the API says.

        Raises:
            Exception: As people's fields would, where they cannot be described.
        """

    def attachment(self, mapped: Mapped) -> Attachment:
        """What a record brings, as it is kept until its person is there."""

    def skips(self, lane: Any) -> bool:
        """Whether what belongs to a lane that has ended is counted, and no error."""

    def send(self, lane: Any, rows: Sequence[Row]) -> Answer:
        """Sends one batch.

        Raises:
            CallFailed, NotSent: There is no result for its rows.
        """

    def read_back(self, lane: Any, rows: Sequence[Row]) -> Answer:
        """What became of rows of unknown fate (READ_BACK): DONE, AGAIN to send it, or UNKNOWN yet.

        Raises:
            CallFailed, NotSent: It cannot be asked now.
        """

    def refused(self, connection: Any, rows: Sequence[tuple[str, str]]) -> None:
        """Part and once value of what was refused, in the transaction that stores it in the error
        log: what must not be so unless it is stored.
        """


class People(Protocol):
    """The kind of write that every record is: looked up first, and then created or updated."""

    def look_up(
        self, key_field: str, keys: Sequence[str], fields: Iterable[str]
    ) -> list[dict[str, Any]]:
        """Everybody whose key is among the keys, with these fields and `id`.

        Raises:
            CallFailed, NotSent: Nobody was looked up.
        """

    def refuses(self, rows: Sequence[Mapping[str, Any]]) -> Refused | None:
        """What is wrong with one of the rows, if anything is."""

    def write(
        self,
        action: str,
        key_field: str,
        rows: Sequence[bytes],
        *,
        when_granted: Callable[[], None],
    ) -> Answer:
        """Writes people. `when_granted` is called each time that the call may be made, just before
        it is sent; what it raises ends the call, unsent.

        Raises:
            CallFailed, NotSent, Stale: There is no result for its rows.
        """

    def lost_fields(self) -> Exception | None:
        """Asks the API whether it still has the mapped fields: why the run ends, if it does.

        This is called by the engine's own thread.
        """
