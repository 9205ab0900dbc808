"""What may become of a call that writes, and costs nothing: each ends by itself."""

from __future__ import annotations

from typing import Any

from tests.sandbox.faults import Fault

_LATE = 1.8  # seconds: after the client gave up, and before twice its time-out
TROUBLES: dict[str, tuple[Fault, ...]] = {
    "reset before": (Fault(what="reset", at_most=2),),
    "reset after": (Fault(what="reset", applied=True, at_most=2),),
    "partly": (Fault(what="partly", share=0.5, at_most=2),),
    "partly, 604": (Fault(what="partly", share=0.5, code="604", at_most=2),),
    "late": (Fault(what="late", seconds=_LATE, at=(1,)),),
    "604": (Fault(what="answer", code="604", at_most=2),),
    "604, applied": (Fault(what="answer", code="604", applied=True, at_most=2),),
    "611": (Fault(what="answer", code="611", at_most=2),),
    "611, applied": (Fault(what="answer", code="611", applied=True, at_most=2),),
    "502": (Fault(what="status", code="502", at_most=2),),
    "502, applied": (Fault(what="status", code="502", applied=True, at_most=2),),
    "601": (Fault(what="answer", code="601", at_most=1),),
    "606": (Fault(what="answer", code="606", at_most=1),),
    "608": (Fault(what="answer", code="608", at_most=2),),
    "699": (Fault(what="answer", code="699", at_most=1),),
    "413": (Fault(what="status", code="413", at_most=1),),
    "1099": (Fault(what="answer", code="1099", at_most=3),),
    "1004 to some": (Fault(what="row", code="1004", share=0.5, at_most=1),),
    "1016 to some": (Fault(what="row", code="1016", share=0.5, at_most=2),),
    **{
        what: (Fault(what=what, at_most=2),)
        for what in (
            *("cut", "truncated", "empty", "html", "wrong_type"),
            *("no_result", "short", "long", "reordered"),
        )
    },
}


def about(fault: Fault, call: str, **more: Any) -> Fault:
    """The same trouble, of one kind of call alone."""
    fields = {name: getattr(fault, name) for name in fault.__struct_fields__}
    return Fault(**fields | {"calls": (call,)} | more)
