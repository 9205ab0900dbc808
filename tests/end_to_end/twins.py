"""The module that both packages have a copy of, and settings to try it with."""

from __future__ import annotations

import tap_livechat.configuration
import target_marketo.configuration

TWINS = (target_marketo.configuration, tap_livechat.configuration)
NULLABLE = {kind: {"type": [kind, "null"]} for kind in ("string", "integer", "boolean", "object")}
PROPERTIES = {
    "text": NULLABLE["string"],
    "number": NULLABLE["integer"],
    "truth": NULLABLE["boolean"],
    "thing": NULLABLE["object"],
}
