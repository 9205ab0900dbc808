from __future__ import annotations

import pytest

from target_marketo.settings import Settings, instance_name


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://555-ABC-555.mktorest.com/rest", "555-abc-555.mktorest.com"),
        ("https://555-abc-555.mktorest.com:443/rest", "555-abc-555.mktorest.com"),
        ("https://555-abc-555.mktorest.com./rest", "555-abc-555.mktorest.com"),
        ("https://555-abc-555.mktorest.com.:443", "555-abc-555.mktorest.com"),
        ("https://555-abc-555.mktorest.com:8443", "555-abc-555.mktorest.com:8443"),
        ("http://127.0.0.1:8080/rest", "127.0.0.1:8080"),
        ("http://localhost:80", "localhost"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_an_instance_has_one_name_however_its_host_is_written(endpoint: str, name: str) -> None:
    assert instance_name(endpoint) == name
    credentials = {"client_id": "id", "client_secret": "secret"}
    assert Settings.of({"endpoint": endpoint, **credentials}).instance == name
