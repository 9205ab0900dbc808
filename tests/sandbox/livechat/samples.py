"""Parts of replies that several tests put into replies of their own."""

from __future__ import annotations

GEOLOCATION = {
    "country": "Poland",
    "country_code": "PL",
    "region": "Dolnoslaskie",
    "city": "Wroclaw",
    "timezone": "Europe/Warsaw",
    "latitude": "51.1043015",
    "longitude": "17.0335007",
}
