"""The target's settings: their schema, and their checked values."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from singer_sdk import typing as th

from target_marketo.mapping.rules import Duplicates
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import ValidationError

    from target_marketo.configuration import Configuration

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_MUNCHKIN_ID = r"[0-9A-Za-z]{3}-[0-9A-Za-z]{3}-[0-9A-Za-z]{3}"
# The example that stands in descriptions and in .env.example: nobody's instance.
_PLACEHOLDER = re.compile(r"(https?://123-abc-456\.mktorest\.com.*|123-abc-456)", re.IGNORECASE)


SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "endpoint",
        th.StringType,
        title="Endpoint",
        description=(
            "REST endpoint, as Marketo shows it under Admin > Web Services: "
            "https://123-ABC-456.mktorest.com/rest"
        ),
    ),
    th.Property(
        "identity",
        th.StringType,
        title="Identity",
        description="Identity endpoint, shown beside it; by default /identity of the same host",
    ),
    th.Property(
        "munchkin_id",
        th.StringType,
        title="Munchkin ID",
        description="Account id, such as 123-ABC-456; instead of the two endpoints",
    ),
    th.Property(
        "client_id",
        th.StringType,
        required=True,
        title="Client ID",
        description="Of the custom service: Admin > LaunchPoint > View Details",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        required=True,
        secret=True,
        title="Client secret",
        description="Of the same service",
    ),
    th.Property(
        "streams",
        th.ObjectType(additional_properties=True),
        title="Streams",
        description=(
            "How each stream becomes people: stream -> {key, fields: {Marketo field: property, or "
            "{from or value, write, group, clear, truncate, delimiter, when_full}}, only_if}; "
            "`write` is always, if_empty, on_create, greatest, least, append or newest. By default "
            "the visitors of tap-livechat, geography only where Marketo has none, and other taps' "
            "streams by names"
        ),
    ),
    th.Property(
        "unfit_values",
        th.StringType(allowed_values=["leave_out", "reject"]),
        default="leave_out",
        title="Values that do not fit",
        description=(
            "leave_out delivers the rest of the record and keeps the value in the error log; "
            "reject keeps the whole record back"
        ),
    ),
    th.Property(
        "deleted",
        th.StringType(allowed_values=["skip", "deliver"]),
        default="skip",
        title="Deleted records",
        description="Records marked deleted (_sdc_deleted_at, IsDeleted and such): skip or deliver",
    ),
    th.Property(
        "rate_limit_calls",
        th.IntegerType(minimum=1, maximum=100),
        default=50,
        title="Calls in the rate window",
        description="Adobe asks one integration for 50 or fewer; 100 is the whole instance's limit",
    ),
    th.Property(
        "rate_limit_seconds",
        th.IntegerType(minimum=1, maximum=3_600),
        default=20,
        title="Rate window in seconds",
        description="Length of Marketo's sliding window",
    ),
    th.Property(
        "max_concurrent_calls",
        th.IntegerType(minimum=1, maximum=10),
        default=5,
        title="Concurrent calls",
        description="Adobe asks one integration for 5 or fewer; 10 is the whole instance's limit",
    ),
    th.Property(
        "max_daily_calls",
        th.IntegerType(minimum=1, maximum=1_000_000_000),
        default=40000,
        title="Daily calls",
        description=(
            "Stop (exit code 75) once all integrations together have made this many calls today"
        ),
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1, maximum=300),
        default=300,
        title="Rows a call",
        description="People in one lookup or write; 300 is Marketo's maximum",
    ),
    th.Property(
        "max_batch_age_seconds",
        th.IntegerType(minimum=1, maximum=86_400),
        default=60,
        title="Age of a batch in seconds",
        description="A call is sent with fewer rows once its first record has waited this long",
    ),
    th.Property(
        "store_url",
        th.StringType,
        secret=True,
        title="Store URL",
        description=(
            "SQLAlchemy URL of the operations store (leases, error log). By default an SQLite file "
            "in the user's state folder; postgresql+psycopg://... to share one budget between hosts"
        ),
    ),
    th.Property(
        "store_key",
        th.StringType,
        secret=True,
        title="Store key",
        description=(
            "Secret key of the hashes by which the error log knows people, 16 characters or more. "
            "By default a random one in a file beside the store"
        ),
    ),
    th.Property(
        "partition_name",
        th.StringType,
        title="Partition",
        description="Lead partition for new people, if the instance has more than one",
    ),
    th.Property(
        "duplicates",
        th.StringType(allowed_values=[str(policy) for policy in Duplicates]),
        default=str(Duplicates.NEWEST),
        title="Duplicates",
        description="Whom to write when several people have the key: newest, oldest, all, reject",
    ),
    th.Property(
        "max_rejected_percent",
        th.IntegerType(minimum=1, maximum=100),
        default=90,
        title="Rejected records in percent",
        description=(
            "Abort, before any STATE, when more than this share of at least 100 records is rejected"
        ),
    ),
    th.Property(
        "error_retention_days",
        th.IntegerType(minimum=1, maximum=36_500),
        default=90,
        title="Days of the error log",
        description="Rejected records and figures of runs are deleted after this many days",
    ),
    th.Property(
        "max_run_minutes",
        th.IntegerType(minimum=1, maximum=10_080),
        default=50,
        title="Minutes of a run",
        description=(
            "This long after its turn to write came, a run winds up, keeps STATE and ends with "
            "exit code 75; the next one carries on"
        ),
    ),
    th.Property(
        "activity_visibility_seconds",
        th.IntegerType(minimum=1, maximum=86_400),
        default=60,
        title="Seconds until activities show",
        description=(
            "A custom activity whose fate is unknown is sent again only if two readings of "
            "Marketo's log, this far apart, do not show it"
        ),
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        default=False,
        title="Dry run",
        description="Look up and decide, print the decisions, write neither people nor STATE",
    ),
    th.Property(
        "request_timeout_seconds",
        th.IntegerType(minimum=1, maximum=3_600),
        default=120,
        title="Request time-out in seconds",
        description="Longer than Marketo's own 90 seconds for a write",
    ),
).to_dict()

_REASONS = {
    "enum": lambda error: f"must be one of {', '.join(map(str, error.validator_value))}",
    "maximum": lambda error: f"must be at most {error.validator_value}",
    "minimum": lambda error: f"must be at least {error.validator_value}",
    "type": lambda error: f"must be {_types(error.validator_value)}",
}


@dataclass(frozen=True)
class Settings:
    """Checked settings. `endpoint` ends in /rest, `identity` in /identity, without a slash."""

    endpoint: str
    identity: str
    client_id: str
    client_secret: str
    streams: dict[str, Any] | None
    unfit_values: str
    deleted: str
    rate_limit_calls: int
    rate_limit_seconds: int
    max_concurrent_calls: int
    max_daily_calls: int
    batch_size_rows: int
    max_batch_age_seconds: int
    store_url: str | None
    store_key: str | None
    partition_name: str | None
    duplicates: Duplicates
    max_rejected_percent: int
    error_retention_days: int
    max_run_minutes: int
    activity_visibility_seconds: int
    dry_run: bool
    request_timeout_seconds: int

    @property
    def instance(self) -> str:
        """Its name: Marketo's limits are per instance, whoever calls."""
        return instance_name(self.endpoint)

    @classmethod
    def found(cls, configuration: Configuration) -> Settings:
        """As `of`, and a setting that is wrong is named with where it was set."""
        try:
            return cls.of(configuration.values)
        except SettingError as error:
            raise SettingError(configuration.placed(str(error))) from None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Checks a configuration.

        Raises:
            SettingError: The first thing that is wrong with it.
        """
        given = {name: value for name, value in config.items() if value not in (None, "")}
        for problem in problems(given):
            raise SettingError(problem)
        defaults = {name: schema.get("default") for name, schema in SCHEMA["properties"].items()}
        values = {name: given.get(name, default) for name, default in defaults.items()}
        values["endpoint"], values["identity"] = _addresses(
            values["endpoint"], values["identity"], values.pop("munchkin_id")
        )
        values["duplicates"] = Duplicates(values["duplicates"])
        return cls(**values)


def instance_name(endpoint: str) -> str:
    """The host of an endpoint, however it is written: Marketo's limits are per instance.

    `HOST:443` and `host.` are `host`; a port that is not the scheme's own belongs to the name.
    """
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".").lower()
    if ":" in host:
        host = f"[{host}]"
    own = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return host if own else f"{host}:{parts.port}"


def problems(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with a configuration: a line each, without any value of it."""
    errors = Draft202012Validator(SCHEMA).iter_errors(dict(config))
    return [_line(error) for error in errors]


def unknown(config: Mapping[str, Any]) -> list[str]:
    """A line for each name that is no setting, and is therefore ignored."""
    known = SCHEMA["properties"]
    lines = []
    for name in sorted(config.keys() - known.keys()):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
        lines.append(f"`{name}` is not a setting and is ignored{hint}")
    return lines


def _line(error: ValidationError) -> str:
    if error.validator == "required":
        given: Any = error.instance
        missing = next(name for name in SCHEMA["required"] if name not in given)
        return f"`{missing}` is missing: set it, or TARGET_MARKETO_{missing.upper()}"
    where = ".".join(map(str, error.absolute_path))
    reason = _REASONS.get(str(error.validator), lambda _: "has the wrong form")(error)
    return f"`{where}` {reason}"


def _types(names: str | list[str]) -> str:
    wanted = [names] if isinstance(names, str) else names
    return " or ".join(f"of type {name}" for name in wanted if name != "null")


def _addresses(
    endpoint: str | None, identity: str | None, munchkin_id: str | None
) -> tuple[str, str]:
    given = {"endpoint": endpoint, "identity": identity, "munchkin_id": munchkin_id}
    for name, value in given.items():
        if value and _PLACEHOLDER.fullmatch(value.strip()):
            raise SettingError(
                f"`{name}` is still the example 123-ABC-456: put your instance's there, or nothing"
            )
    if munchkin_id is not None and not re.fullmatch(_MUNCHKIN_ID, munchkin_id.strip()):
        raise SettingError("`munchkin_id` looks like 123-ABC-456")
    if endpoint is None and munchkin_id is None:
        raise SettingError(
            "`endpoint` is missing: copy it from Marketo's Admin > Web Services, "
            "or set `munchkin_id`"
        )
    of_account = f"https://{munchkin_id.strip()}.mktorest.com" if munchkin_id else ""
    host = _address("endpoint", endpoint or of_account).removesuffix("/rest")
    named = (urlsplit(host).hostname or "").removesuffix(".mktorest.com")
    if munchkin_id and re.fullmatch(_MUNCHKIN_ID, named) and named != munchkin_id.strip().lower():
        raise SettingError("`munchkin_id` is another instance than `endpoint`: leave one of them")
    if identity is None:
        return f"{host}/rest", f"{host}/identity"
    return f"{host}/rest", _address("identity", identity).removesuffix("/identity") + "/identity"


def _address(name: str, value: str) -> str:
    try:
        parts = urlsplit(value.strip())
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http") or parts.query or parts.username:
        raise SettingError(f"`{name}` must be an address such as https://123-ABC-456.mktorest.com")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise SettingError(f"`{name}` must start with https://")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"
