"""People: described, looked up, written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from target_marketo.marketo import replies
from target_marketo.marketo.call import FORM, MAX_ROWS, Request, all_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from target_marketo.mapping.field_types import Field
    from target_marketo.marketo.call import Caller
    from target_marketo.marketo.replies import Answer

WRITE_SECONDS = 90  # how long Marketo may be at work on a sync (Adobe: "Leads")

_PATH = "/v1/leads.json"


@dataclass(frozen=True)
class Leads:
    """The calls about people."""

    caller: Caller

    def describe(self) -> list[Field]:
        """The fields of a person that REST may use, and which of them can be searched.

        describe2 has it all as a rule; where it tells no types, the first describe does.
        """
        second = Request("describe", "GET", "/v1/leads/describe2.json")
        fields = self.caller.call(second, replies.description)
        if all(field.data_type for field in fields):
            return fields
        first = Request("describe", "GET", "/v1/leads/describe.json")
        return self.caller.call(first, lambda content: replies.with_types(content, fields))

    def partitions(self) -> list[str]:
        """The names of the instance's lead partitions."""
        request = Request("partitions", "GET", "/v1/leads/partitions.json")
        return self.caller.call(request, replies.partitions)

    def lookup(
        self, filter_type: str, values: Sequence[str], fields: Iterable[str]
    ) -> list[dict[str, Any]]:
        """Every person one of whose `filter_type` is among the values, in no particular order.

        The form is posted: 300 e-mails do not fit into an address (8 KB).
        """
        form = {
            "_method": "GET",
            "filterType": filter_type,
            "filterValues": ",".join(values),
            "fields": ",".join(fields),
            "batchSize": str(MAX_ROWS),
        }
        return list(self._pages(form))

    def _pages(self, form: dict[str, str]) -> Iterator[dict[str, Any]]:
        def ask(token: str) -> replies.Found:
            # "@" and "," need no escape in a form; where nothing does, this is ten times as fast.
            fields = form | {"nextPageToken": token} if token else form
            body = urlencode(fields, safe="@,").encode()
            return self.caller.call(Request("lookup", "POST", _PATH, FORM, body), replies.found)

        for page in all_pages("lookup", ask):
            yield from page.result

    def sync(
        self,
        action: str,
        lookup_field: str,
        rows: Sequence[bytes],
        partition: str | None = None,
        *,
        when_granted: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Writes up to 300 encoded people.

        `when_granted` is called each time that the call may be made, just before it is sent; what
        it raises ends the call, unsent.

        Returns:
            One `Row` for each row sent, in the same order; Marketo's rows carry
            nothing else to tell them apart by.

        Raises:
            OutcomeUnknown: Also when the reply does not match the request row for row.
            SendFewer, Rejected, NotAuthorized, QuotaSpent, Unavailable: Nothing was written.
        """
        head: dict[str, str] = {"action": action, "lookupField": lookup_field}
        if partition:
            head["partitionName"] = partition
        body = msgspec.json.encode(head)[:-1] + b',"input":[' + b",".join(rows) + b"]}"

        def decided() -> bytes:
            when_granted()
            return body

        request = Request(action, "POST", _PATH, body=decided, writes=True)
        return self.caller.call(request, lambda content: replies.answer(content, len(rows)))
