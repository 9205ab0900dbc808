"""What all processes on an instance know beside the leases: one document in the store."""

from __future__ import annotations

import msgspec

from target_marketo.governor.breaker import Breaker
from target_marketo.governor.budget import Reduced
from target_marketo.governor.day import Day
from target_marketo.governor.others import Reading  # noqa: TC001 - msgspec reads annotations
from target_marketo.governor.pause import Pause


class State(msgspec.Struct, frozen=True):
    """`waiting`: by when each waiting process will have asked again, or it is forgotten.

    `reading` is the last of what others use. While their use is not known, the window's budget is a
    guess since `guessed_at`, and the count is to be read again a window later.
    """

    rate: Reduced = msgspec.field(default_factory=Reduced)
    slots: Reduced = msgspec.field(default_factory=Reduced)
    pause: Pause = msgspec.field(default_factory=Pause)
    breaker: Breaker = msgspec.field(default_factory=Breaker)
    day: Day = msgspec.field(default_factory=Day)
    next_call_at: float = 0.0
    reading: Reading | None = None
    guessed_at: float | None = None
    waiting: dict[str, float] = msgspec.field(default_factory=dict)

    @classmethod
    def read(cls, document: str | None) -> State:
        """From the store; what another version wrote and this one cannot read is as none."""
        if document is None:
            return cls()
        try:
            return _DECODER.decode(document)
        except msgspec.MsgspecError:
            return cls()

    def written(self) -> str:
        return msgspec.json.encode(self).decode()


_DECODER = msgspec.json.Decoder(State)
