"""Which call goes where: paths with names in braces, what they need, and who begins them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .call import Call
    from .instance import Finish
    from .object_options import Feature, Permission
    from .options import Options

    # The permissions of which a call needs one.
    Needs = tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One call; `kind` is its name in the journal and for faults."""

    kind: str
    method: str
    path: str
    begin: Callable[[Call], Finish]
    needs: Needs
    feature: Feature

    def enter(self, call: Call, options: Options) -> Finish:
        """Refuse what the subscription or the role does not allow, or else begin."""
        missing = options.missing_features.get(self.feature)
        if missing:
            raise ResponseError(missing)
        if not set(self.needs) - set(options.denied_permissions):
            raise ResponseError("603")
        return self.begin(call)


class Router:
    """Finds the route of a call by its method, or `_method`, and its path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        # What is written out goes before names: `/schema.json` is no object called "schema".
        ordered = sorted(by_path.items(), key=lambda item: item[0].count("{"))
        self._routes = [(_pattern(path), methods) for path, methods in ordered]

    def find(self, call: Call) -> tuple[dict[str, Route], str]:
        """The routes of the call's path by method, none for an unknown path, and its method."""
        for pattern, methods in self._routes:
            match = pattern.fullmatch(call.path)
            if match:
                call.parts = match.groupdict()
                return methods, _method(call)
        return {}, call.method


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one part of a path; no path has another special character but the dot."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace(".", r"\.")))


def _method(call: Call) -> str:
    if call.method != "POST":
        return call.method
    return call.form().get("_method", "POST").upper()
