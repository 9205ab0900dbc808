"""What each method accepts. Decoding checks it; what is wrong here is a `validation` error.

A parameter that the documentation does not name is refused: a misspelt filter must not pass as no
filter at all.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

# RFC 3339 with six digits of a second and an offset, as the documentation demands. [facts 3.5]
Moment = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$"),
]
# The Reports API leaves the fraction optional. [facts 2.4]
ReportMoment = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-]\d\d:\d\d)$"),
]
Limit = Annotated[int, Meta(ge=1, le=100)]
Order = Literal["asc", "desc"]
GroupIds = Annotated[list[int], Meta(max_length=200)]


class Parameters(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class Paged(Parameters):
    page_id: str | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    sort_order: Order | UnsetType = UNSET

    def follows(self) -> str | None:
        """The page id; anything beside it is an error, because it is in the page id already."""
        if not isinstance(self.page_id, str):
            return None
        if any(
            getattr(self, name) is not UNSET
            for name in self.__struct_fields__
            if name not in {"page_id", "chat_id"}  # whose pages, not which of them
        ):
            raise ValueError("`page_id` cannot be used with other parameters")
        return self.page_id


class Presence(Parameters):
    """`{"exists": true}`, or values of which one (or every one) must, or none may, be there."""

    exists: bool | UnsetType = UNSET
    values: list[str | int] | UnsetType = UNSET
    exclude_values: list[str | int] | UnsetType = UNSET
    require_every_value: bool = False

    def __post_init__(self) -> None:
        given = [self.exists, self.values, self.exclude_values]
        if sum(each is not UNSET for each in given) != 1:
            raise ValueError("exactly one of `exists`, `values`, `exclude_values` is needed")

    def admits(self, present: set[Any]) -> bool:
        if isinstance(self.exists, bool):
            return bool(present) is self.exists
        if isinstance(self.values, list):
            wanted = set(self.values)
            return wanted <= present if self.require_every_value else bool(wanted & present)
        return isinstance(self.exclude_values, list) and present.isdisjoint(self.exclude_values)


class AgentTypes(Parameters):
    all_values: list[str] | UnsetType = UNSET
    any_values: list[str] | UnsetType = UNSET
    exclude_values: list[str] | UnsetType = UNSET


class ArchiveFilters35(Parameters):
    query: str | UnsetType = UNSET
    from_: Moment | UnsetType = msgspec.field(name="from", default=UNSET)
    to: Moment | UnsetType = UNSET
    thread_ids: Annotated[list[str], Meta(max_length=20)] | UnsetType = UNSET
    group_ids: GroupIds | UnsetType = UNSET
    agents: Presence | UnsetType = UNSET
    tags: Presence | UnsetType = UNSET
    customer_countries: Presence | UnsetType = UNSET
    event_types: Presence | UnsetType = UNSET
    properties: dict[str, dict[str, Presence]] | UnsetType = UNSET
    # Documented, but nothing in the crowd could match them.
    sales: Any = UNSET
    goals: Any = UNSET
    forms: Any = UNSET
    greetings: Any = UNSET
    agent_response: Any = UNSET

    def given(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]


class ArchiveFilters(ArchiveFilters35):
    chat_ids: Annotated[list[str], Meta(max_length=1000)] | UnsetType = UNSET
    customer_id: str | UnsetType = UNSET
    customer_email: str | UnsetType = UNSET
    agent_types: AgentTypes | UnsetType = UNSET


class ListArchives35(Paged):
    filters: ArchiveFilters35 | UnsetType = UNSET
    highlights: dict[str, Any] | UnsetType = UNSET


class ListArchives(Paged):
    filters: ArchiveFilters | UnsetType = UNSET
    highlights: dict[str, Any] | UnsetType = UNSET


class ChatFilters35(Parameters):
    include_active: bool = True
    include_chats_without_threads: bool = True
    group_ids: GroupIds | UnsetType = UNSET
    properties: dict[str, dict[str, Presence]] | UnsetType = UNSET


class ChatFilters(Parameters):
    active: bool | UnsetType = UNSET
    include_chats_without_threads: bool = True
    group_ids: GroupIds | UnsetType = UNSET
    properties: dict[str, dict[str, Presence]] | UnsetType = UNSET


class ListChats35(Paged):
    filters: ChatFilters35 | UnsetType = UNSET


class ListChats(Paged):
    filters: ChatFilters | UnsetType = UNSET


class ThreadFilters(Parameters):
    from_: Moment | UnsetType = msgspec.field(name="from", default=UNSET)
    to: Moment | UnsetType = UNSET


class ListThreads(Paged, kw_only=True):
    chat_id: str
    min_events_count: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    filters: ThreadFilters | UnsetType = UNSET


class GetChat(Parameters):
    chat_id: str
    thread_id: str | UnsetType = UNSET


class GetCustomer(Parameters):
    id: str


class NoParameters(Parameters):
    pass


class Texts(Parameters):
    values: list[str] | UnsetType = UNSET
    exclude_values: list[str] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.values is UNSET) == (self.exclude_values is UNSET):
            raise ValueError("exactly one of `values`, `exclude_values` is needed")

    def admits(self, value: str | None) -> bool:
        if isinstance(self.values, list):
            return value in self.values
        return isinstance(self.exclude_values, list) and value not in self.exclude_values


class _Bounds(Parameters):
    def given(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if getattr(self, name) is not UNSET
        }


class Counts(_Bounds):
    lte: int | UnsetType = UNSET
    lt: int | UnsetType = UNSET
    gte: int | UnsetType = UNSET
    gt: int | UnsetType = UNSET
    eq: int | UnsetType = UNSET


class Moments(_Bounds):
    lte: Moment | UnsetType = UNSET
    lt: Moment | UnsetType = UNSET
    gte: Moment | UnsetType = UNSET
    gt: Moment | UnsetType = UNSET
    eq: Moment | UnsetType = UNSET


class CustomerGroups(Parameters):
    values: Annotated[list[int], Meta(max_length=40)] | UnsetType = UNSET
    exclude_values: Annotated[list[int], Meta(max_length=40)] | UnsetType = UNSET


class CustomerFilters(Parameters):
    country: Texts | UnsetType = UNSET
    email: Texts | UnsetType = UNSET
    name: Texts | UnsetType = UNSET
    customer_id: Texts | UnsetType = UNSET
    chats_count: Counts | UnsetType = UNSET
    threads_count: Counts | UnsetType = UNSET
    visits_count: Counts | UnsetType = UNSET
    created_at: Moments | UnsetType = UNSET
    agent_last_event_created_at: Moments | UnsetType = UNSET
    customer_last_event_created_at: Moments | UnsetType = UNSET
    chat_group_ids: CustomerGroups | UnsetType = UNSET
    include_customers_without_chats: bool | UnsetType = UNSET


class ListCustomers(Paged):
    filters: CustomerFilters | UnsetType = UNSET
    sort_by: (
        Literal[
            "created_at",
            "threads_count",
            "visits_count",
            "agent_last_event",
            "customer_last_event",
        ]
        | UnsetType
    ) = UNSET


class AgentFilters(Parameters):
    group_ids: list[int] | UnsetType = UNSET
    suspended: bool | UnsetType = UNSET


class ListAgents(Parameters):
    filters: AgentFilters | UnsetType = UNSET
    fields: list[
        Literal[
            "groups",
            "work_scheduler",
            "email_subscriptions",
            "notifications",
            "job_title",
            "mobile",
            "max_chats_count",
            "suspended",
            "awaiting_approval",
            "last_logout",
        ]
    ] = []


class ListGroups(Parameters):
    fields: list[Literal["agent_priorities", "routing_status"]] = []


class TagFilters(Parameters):
    group_ids: list[int]


class ListTags(Parameters):
    filters: TagFilters | UnsetType = UNSET


class ListBots(Parameters):
    all: bool = False
    fields: list[
        Literal["groups", "work_scheduler", "job_title", "max_chats_count", "timezone"]
    ] = []


class ListCustomerBans(Parameters):
    pass


class ReportGroups(Parameters):
    values: GroupIds


class ReportFilters(Parameters):
    """One pair of times is needed if there are filters. [facts 2.7]"""

    from_: ReportMoment = msgspec.field(name="from")
    to: ReportMoment
    groups: ReportGroups | UnsetType = UNSET


class AskReport(Parameters):
    distribution: Literal["hour", "day", "day-hours", "month", "year"] = "day"
    timezone: str | UnsetType = UNSET
    filters: ReportFilters | UnsetType = UNSET


class AskQueuedVisitorsLeft(AskReport):
    page: Annotated[int, Meta(ge=0)] = 1


class Range(Parameters):
    from_: str | int | float | UnsetType = msgspec.field(name="from", default=UNSET)
    to: str | int | float | UnsetType = UNSET


class Clause(Parameters):
    operator: Literal["contains", "is", "range", "exists", "starts_with"]
    field: str
    values: Annotated[list[str | int], Meta(max_length=200)] | UnsetType = UNSET
    range: Range | UnsetType = UNSET
    negate: bool = False


class FilterGroup(Parameters):
    operator: Literal["AND", "OR"]
    clauses: Annotated[list[Clause], Meta(min_length=1)]


class CdpListCustomers(Parameters):
    query: Annotated[str, Meta(min_length=3)] | UnsetType = UNSET
    filters: list[FilterGroup] = []
    results_per_page: Annotated[int, Meta(ge=1, le=100)] = 50
    sort: dict[str, Order] = {}
    page_id: Annotated[str, Meta(pattern=r"^[1-9]\d*$")] = "1"


class CdpGetCustomer(Parameters):
    customer_id: str
