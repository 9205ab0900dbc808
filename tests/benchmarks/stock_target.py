"""What one would write with the SDK's documentation at hand: the target to compare with.

A `BatchSink` that sends 300 rows a call as `createOrUpdate`, one call after the other, behind the
SDK's own jsonschema validation. It looks nobody up and so overwrites whatever differs.

    python -m tests.benchmarks.stock_target --config FILE
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import requests
from singer_sdk import BatchSink, Target
from singer_sdk import typing as th

FIELDS = {
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "phone": "phone",
    "city": "city",
    "state": "region",
    "country": "country",
    "postalCode": "postal_code",
}
_REFUSED_FOR_NOW = {"606", "615"}


class StockSink(BatchSink):
    """One call for each full batch."""

    max_size = 300

    def setup(self) -> None:
        self.session = requests.Session()
        secrets = {
            "grant_type": "client_credentials",
            "client_id": self.config["client_id"],
            "client_secret": self.config["client_secret"],
        }
        reply = self.session.post(f"{self.config['identity']}/oauth/token", data=secrets)
        self.session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    def process_batch(self, context: dict[str, Any]) -> None:
        rows = [
            {name: record[source] for name, source in FIELDS.items() if record.get(source)}
            | {"leadSource": "LiveChat"}
            for record in context["records"]
            if record.get("email")
        ]
        body = {"action": "createOrUpdate", "lookupField": "email", "input": rows}
        while True:
            reply = self.session.post(
                f"{self.config['endpoint']}/v1/leads.json", json=body, timeout=120
            ).json()
            if reply["success"]:
                return
            code = reply["errors"][0]["code"]
            if code not in _REFUSED_FOR_NOW:
                raise RuntimeError(f"Marketo answered {code}")
            time.sleep(1.0)


class StockTarget(Target):
    """The target of the stock sink."""

    name = "target-stock"
    default_sink_class = StockSink
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        *(
            th.Property(name, th.StringType, required=True)
            for name in ("endpoint", "identity", "client_id", "client_secret")
        )
    ).to_dict()


if __name__ == "__main__":
    StockTarget.cli()
