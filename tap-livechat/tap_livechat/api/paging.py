"""The pages of one question, by LiveChat's `page_id`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tap_livechat.api import replies
from tap_livechat.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method


P = TypeVar("P", replies.ArchivesPage, replies.ChatsPage)


def follow(
    client: Client, method: Method, payload: Mapping[str, Any], decode: Callable[[bytes], P]
) -> Iterator[P]:
    """Page after page until there is no `next_page_id`.

    Raises:
        RefusedError: The pages go round in a circle.
    """
    # Brent's: one id is kept, a later one each time, and any circle comes by it.
    kept, steps, until = None, 0, 1
    while True:
        page = client.call(method, payload, decode)
        yield page
        page_id = page.next_page_id
        if not page_id:
            return
        if page_id == kept:
            raise RefusedError(
                f"{method.name}: LiveChat repeats a page; run again, or set a smaller page_size"
            )
        steps += 1
        if steps == until:
            kept, until = page_id, 2 * until
        # LiveChat refuses filters and the like beside a page_id.
        payload = {"page_id": page_id}
