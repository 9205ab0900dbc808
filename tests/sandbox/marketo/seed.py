"""People who are in Marketo before the first call."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN = ("Ada", "Bruno", "Chloé", "Dmitri", "Emi", "Farid", "Greta", "Hugo", "Ines", "Jun")
FAMILY = ("Almeida", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "Gallo", "Hansen")
PLACES = (
    ("Lyon", "Auvergne-Rhône-Alpes", "France"),
    ("Austin", "Texas", "United States"),
    ("Osaka", "Osaka", "Japan"),
    ("Kraków", "Lesser Poland", "Poland"),
    ("Recife", "Pernambuco", "Brazil"),
)
DOMAINS = ("example.com", "example.org", "example.net")


def people(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` leads: half of them with a place, a fifth without a name."""
    random = Random(seed)
    for number in range(1, count + 1):
        lead: dict[str, Any] = {
            "email": f"lead{number}@{random.choice(DOMAINS)}",
            "leadSource": random.choice(("Web", "Trade show", "Referral")),
        }
        if random.random() < 0.8:
            lead["firstName"] = random.choice(GIVEN)
            lead["lastName"] = random.choice(FAMILY)
        if random.random() < 0.5:
            lead["city"], lead["state"], lead["country"] = random.choice(PLACES)
        yield lead
