"""How long a call takes, and how much of that passes before it arrives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from .options import Options


def draw(options: Options, random: Random) -> tuple[float, float]:
    """Seconds until a call arrives, and from then until its work is done."""
    if options.latency_median <= 0:
        return 0.0, 0.0
    total = options.latency_median * math.exp(random.gauss(0, options.latency_sigma))
    total = min(max(total, options.latency_min), options.latency_max)
    fraction = random.uniform(options.arrival_fraction_min, options.arrival_fraction_max)
    return total * fraction, total * (1 - fraction)
