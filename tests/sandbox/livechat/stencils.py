"""The chats of a light crowd, cut from a few encoded ones: a benchmark measures not its server.

Chats of one look (`LightCrowd.look`) differ only in ids and times. The first of each look is
encoded as any other; its ids and times are then holes, to be filled in for the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.sandbox.crowd import microseconds
from tests.sandbox.livechat.wire import instant, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.crowd import LightCrowd

_HOUR = 3_600_000_000
_SECOND = 1_000_000
_WITHIN_HOUR = [f"{second // 60:02d}:{second % 60:02d}." for second in range(3600)]


_EAST = (_HOUR, "+01:00")


class _Hole(NamedTuple):
    name: str
    moment: str  # as `LightCrowd.moments` calls it
    shift: int
    offset: str


class _Stencil(NamedTuple):
    text: str
    times: tuple[_Hole, ...]


class Stencils:
    def __init__(self, crowd: LightCrowd) -> None:
        self._crowd = crowd
        self._end = microseconds(crowd.end)
        self._stencils: dict[tuple[tuple[int, int, int], str], _Stencil] = {}
        self._hours: dict[int, str] = {}

    def fit(self, now: int) -> bool:
        """Whether all is over: before that, what is known of a visitor depends on the time."""
        return now >= self._end

    def chat(self, position: int, version: str, encode: Callable[[], bytes]) -> bytes:
        key = (self._crowd.look(position), version)
        stencil = self._stencils.get(key)
        if stencil is None:
            stencil = self._stencils[key] = self._cut(position, encode().decode())
        values = self._crowd.texts(position)
        moments = self._crowd.moments(position)
        for hole in stencil.times:
            values[hole.name] = self._stamp(moments[hole.moment] + hole.shift, hole.offset)
        return (stencil.text % values).encode()

    def _cut(self, position: int, text: str) -> _Stencil:
        text = text.replace("%", "%%")
        for name, value in self._crowd.texts(position).items():
            text = text.replace(value, f"%({name})s")
        times = []
        for moment, at in self._crowd.moments(position).items():
            for hole in (_Hole(moment, moment, 0, "Z"), _Hole(f"{moment}+1", moment, *_EAST)):
                value = self._stamp(at + hole.shift, hole.offset)
                if value in text:
                    text = text.replace(value, f"%({hole.name})s")
                    times.append(hole)
        return _Stencil(text, tuple(times))

    def _stamp(self, moment: int, offset: str) -> str:
        """As `wire.stamp`, several times as fast."""
        hour, rest = divmod(moment, _HOUR)
        prefix = self._hours.get(hour)
        if prefix is None:
            prefix = self._hours[hour] = stamp(instant(hour * _HOUR))[:14]
        second, fraction = divmod(rest, _SECOND)
        return f"{prefix}{_WITHIN_HOUR[second]}{fraction:06d}{offset}"
