"""Marketo's own fields that are not just anybody's to write: one table, with the reasons. Pure.

Sources: Adobe, "Leads" and "Field types"; a recorded describe, which calls most of these writable.
"""

from __future__ import annotations

import re

GEOGRAPHY = frozenset({"address", "city", "country", "postalCode", "state"})

# Adobe ("Leads") says that a sync of people does not write them (1021), Marketo's staff and other
# writers that it does, for everybody of that company: an entry that names one is tried.
COMPANY = frozenset(
    {
        *("annualRevenue", "billingCity", "billingCountry", "billingPostalCode", "billingState"),
        *("billingStreet", "company", "industry", "mainPhone", "mktoCompanyNotes"),
        *("numberOfEmployees", "sicCode", "site", "website"),
    }
)
# Described as writable, but to write them is meaningless or harmful.
SYSTEM = frozenset(
    {"anonymousIP", "cookies", "emailInvalid", "id", "isAnonymous", "leadPartitionId"}
)

# A field whose plain name matches is never mapped by names: nobody asked for it.
_NEVER_BY_NAMES: tuple[tuple[str, str], ...] = (
    (
        (
            r"unsubscri|subscri|opt(ed)?(in|out)|consent|gdpr|donot|permission"
            r"|suspen|blacklist|blocklist|suppress|emailinvalid|bounce"
        ),
        "consent or suppression",
    ),
    (r"score|urgency|priority|^rating$|^leadstatus$|grade$", "scoring"),
    (
        (
            r"^leadsource|^original|^registrationsource|acquisition|attribution|^utm"
            r"|^(first|last)touch|campaign"
        ),
        "attribution",
    ),
    (r"partition|^externalcompanyid$|^externalsalesperson|owner", "partition or ownership"),
    (
        (
            r"^id$|^mkto|^is(lead|anonymous|partner|customer)$|^cookies$|^anonymousip$|^ecids$"
            r"|^inferred|^persontype$|^leadrevenue|^leadrole$|^sfdc|^msdyn|^created(at|on)?$"
            r"|^updated(at|on)?$|^leadperson$|^contactcompany$|^personprimary|^persontimezone$"
        ),
        "a system field",
    ),
)


def plain(name: str) -> str:
    """A name without what people write differently: case, blanks, dots, dashes, underscores."""
    return re.sub(r"[\s._-]+", "", name).lower()


def never_by_names(name: str) -> str:
    """Why a field is never mapped unless an entry names it; empty if it may be."""
    if name in COMPANY:
        return "belongs to the company"
    if name in SYSTEM:
        return "a system field"
    bare = plain(name)
    return next((why for pattern, why in _NEVER_BY_NAMES if re.search(pattern, bare)), "")
