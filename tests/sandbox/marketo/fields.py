"""The fields of a lead: the standard ones, ours, and what the two describe calls say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .options import CustomField

if TYPE_CHECKING:
    from collections.abc import Sequence

# One line a field: id, REST name, data type, length (- for none), w(ritable) or r(ead only), and
# the name people see. As a live instance describes itself.
STANDARD = """
4    company                     string    255   w  Company Name
5    site                        string    255   w  Site
6    billingStreet               text      -     w  Billing Address
7    billingCity                 string    255   w  Billing City
8    billingState                string    255   w  Billing State
9    billingCountry              string    255   w  Billing Country
10   billingPostalCode           string    255   w  Billing Postal Code
11   website                     url       255   w  Website
12   mainPhone                   string    255   w  Main Phone
15   annualRevenue               currency  -     w  Annual Revenue
16   numberOfEmployees           integer   -     w  Num Employees
17   industry                    string    255   w  Industry
18   sicCode                     string    40    w  SIC Code
20   mktoCompanyNotes            text      -     w  Company Notes
41   externalCompanyId           string    50    w  External Company Id
44   id                          integer   -     w  Id
45   mktoName                    string    255   r  Full Name
46   personType                  string    50    w  Person Type
48   mktoIsPartner               boolean   -     w  Is Partner
49   isLead                      boolean   -     w  Is Lead
50   mktoIsCustomer              boolean   -     w  Is Customer
51   isAnonymous                 boolean   -     w  Is Anonymous
52   salutation                  string    255   w  Salutation
53   firstName                   string    255   w  First Name
54   middleName                  string    255   w  Middle Name
55   lastName                    string    255   w  Last Name
56   email                       email     255   w  Email Address
57   phone                       phone     255   w  Phone Number
58   mobilePhone                 phone     255   w  Mobile Phone Number
59   fax                         phone     255   w  Fax Number
60   title                       string    255   w  Job Title
61   contactCompany              reference -     r  Contact Company
62   dateOfBirth                 date      -     w  Date of Birth
63   address                     text      -     w  Address
64   city                        string    255   w  City
65   state                       string    255   w  State
66   country                     string    255   w  Country
67   postalCode                  string    255   w  Postal Code
68   personTimeZone              string    255   r  Person Time Zone
70   originalSourceType          string    255   r  Original Source Type
71   originalSourceInfo          string    2000  r  Original Source Info
72   registrationSourceType      string    255   w  Registration Source Type
73   registrationSourceInfo      string    2000  w  Registration Source Info
74   originalSearchEngine        string    255   r  Original Search Engine
75   originalSearchPhrase        string    255   r  Original Search Phrase
76   originalReferrer            url       255   r  Original Referrer
77   emailInvalid                boolean   -     w  Email Invalid
78   emailInvalidCause           string    255   w  Email Invalid Cause
79   unsubscribed                boolean   -     w  Unsubscribed
81   unsubscribedReason          string    2000  w  Unsubscribed Reason
82   doNotCall                   boolean   -     w  Do Not Call
83   mktoDoNotCallCause          string    255   w  Do Not Call Cause
84   doNotCallReason             string    2000  w  Do Not Call Reason
85   marketingSuspended          boolean   -     w  Marketing Suspended
86   marketingSuspendedCause     string    255   w  Marketing Suspended Cause
87   blackListed                 boolean   -     w  Black Listed
88   blackListedCause            string    255   w  Black Listed Cause
89   mktoPersonNotes             text      -     w  Person Notes
103  anonymousIP                 string    255   w  Anonymous IP
104  inferredCompany             string    255   r  Inferred Company
105  inferredCountry             string    255   r  Inferred Country
106  inferredCity                string    255   r  Inferred City
107  inferredStateRegion         string    255   r  Inferred State Region
108  inferredPostalCode          string    255   r  Inferred Postal Code
109  inferredMetropolitanArea    string    255   r  Inferred Metropolitan Area
110  inferredPhoneAreaCode       string    255   r  Inferred Phone Area Code
123  emailSuspended              boolean   -     w  Email Suspended
124  emailSuspendedCause         string    255   w  Email Suspended Cause
125  emailSuspendedAt            datetime  -     w  Email Suspended At
126  department                  string    255   w  Department
130  createdAt                   datetime  -     r  Created At
131  updatedAt                   datetime  -     r  Updated At
136  cookies                     string    255   w  Cookies
137  externalSalesPersonId       string    50    w  External Sales Person Id
141  leadPerson                  reference -     r  Lead Person
143  leadRole                    string    50    w  Role
144  leadSource                  string    255   w  Lead Source
145  leadStatus                  string    255   w  Lead Status
146  leadScore                   integer   -     w  Lead Score
147  urgency                     float     -     w  Urgency
148  priority                    integer   -     w  Priority
149  relativeScore               integer   -     w  Relative Score
150  relativeUrgency             integer   -     w  Relative Urgency
160  rating                      string    255   w  Lead Rating
181  personPrimaryLeadInterest   reference -     r  Primary Lead Interest
479  leadPartitionId             reference -     w  Lead Partition Id
485  leadRevenueCycleModelId     reference -     w  Lead Revenue Cycle Model ID
487  leadRevenueStageId          reference -     w  Lead Revenue Stage ID
625  acquisitionProgramId        reference -     w  Acquisition Program
627  mktoAcquisitionDate         datetime  -     w  Acquisition Date
830  ecids                       string    255   r  ECIDs
"""

CUSTOM = (
    CustomField(name="liveChatLastChatAt", data_type="datetime", display_name="LC Last Chat"),
    CustomField(name="liveChatFirstChatAt", data_type="datetime", display_name="LC First Chat"),
    CustomField(name="liveChatChatsCount", data_type="integer", display_name="LC Chats"),
    CustomField(name="liveChatVisitorId", data_type="string", display_name="LC Visitor"),
    CustomField(name="liveChatTags", data_type="text", display_name="LC Tags"),
    CustomField(name="liveChatOptIn", data_type="boolean", display_name="LC Opt-in"),
    CustomField(name="liveChatRevenue", data_type="currency", display_name="LC Revenue"),
    # Score fields describe themselves as integers.
    CustomField(name="liveChatScore", data_type="integer", display_name="LC Score"),
    CustomField(name="liveChatExternalKey", data_type="string", display_name="LC External Key"),
    CustomField(name="liveChatFirstChatDate", data_type="date", display_name="LC First Date"),
    CustomField(name="liveChatSecondEmail", data_type="email", display_name="LC Second Email"),
    CustomField(name="liveChatCallbackPhone", data_type="phone", display_name="LC Callback"),
    CustomField(name="liveChatLastPageUrl", data_type="url", display_name="LC Last Page"),
    CustomField(name="liveChatSatisfaction", data_type="percent", display_name="LC Satisfaction"),
    CustomField(name="liveChatSentiment", data_type="float", display_name="LC Sentiment"),
    CustomField(
        name="liveChatOwnerRef", data_type="reference", display_name="LC Owner", read_only=True
    ),
    CustomField(
        name="liveChatGreeting", data_type="formula", display_name="LC Greeting", read_only=True
    ),
    CustomField(
        name="liveChatLegacyId", data_type="string", display_name="LC Legacy Id", rest=False
    ),
    CustomField(
        name="liveChatLegacyNotes", data_type="text", display_name="LC Legacy Notes", rest=False
    ),
)

# Adobe, "Leads": they belong to the company and cannot be updated through a lead, though describe
# calls them writable.
COMPANY = frozenset(
    {
        *("company", "site", "website", "mainPhone", "annualRevenue", "numberOfEmployees"),
        *("industry", "sicCode", "mktoCompanyNotes", "billingStreet", "billingCity"),
        *("billingState", "billingCountry", "billingPostalCode"),
    }
)
# Adobe, "Get Leads by Filter Type"; those that the instance has no field for find nobody.
FILTER_TYPES = frozenset(
    {
        *("cookies", "email", "facebookId", "id", "leadPartitionId", "linkedInId"),
        *("sfdcAccountId", "sfdcContactId", "sfdcLeadId", "sfdcLeadOwnerId", "sfdcOpptyId"),
        "twitterId",
    }
)
SEARCHABLE_TYPES = frozenset({"string", "email", "integer"})
STRING_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Field:
    id: int
    name: str
    display_name: str
    data_type: str
    length: int | None
    read_only: bool
    custom: bool = False
    rest: bool = True

    @property
    def searchable(self) -> bool:
        """Whether it may be a filter type, or the lookup field of a sync."""
        return self.name in FILTER_TYPES or (
            self.custom and self.rest and self.data_type in SEARCHABLE_TYPES
        )


def _standard(line: str) -> Field:
    number, name, data_type, length, access, display_name = line.split(maxsplit=5)
    return Field(
        id=int(number),
        name=name,
        display_name=display_name,
        data_type=data_type,
        length=None if length == "-" else int(length),
        read_only=access == "r",
    )


def _custom(number: int, field: CustomField) -> Field:
    has_length = field.data_type in {"string", "email", "phone", "url"}
    return Field(
        id=number,
        name=field.name,
        display_name=field.display_name or field.name,
        data_type=field.data_type,
        length=field.length or (STRING_LENGTH if has_length else None),
        read_only=field.read_only,
        custom=True,
        rest=field.rest,
    )


class Schema:
    """All fields of the instance; by name only those that REST can use."""

    def __init__(self, extra: Sequence[CustomField] = ()) -> None:
        first = 1001
        custom = [_custom(first + n, field) for n, field in enumerate((*CUSTOM, *extra))]
        self.fields = [_standard(line) for line in STANDARD.strip().splitlines()] + custom
        self.by_name = {field.name: field for field in self.fields if field.rest}
        self.booleans = frozenset(
            field.name for field in self.fields if field.data_type == "boolean"
        )

    def describe(self) -> list[dict[str, Any]]:
        return [_describe(field) for field in self.fields]

    def describe2(self) -> list[dict[str, Any]]:
        usable = self.by_name.values()
        return [
            {
                "name": "API Lead",
                "searchableFields": [[field.name] for field in usable if field.searchable],
                "fields": [_describe2(field) for field in usable],
            }
        ]


def _describe(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": field.id,
        "displayName": field.display_name,
        "dataType": field.data_type,
    }
    if field.length is not None:
        described["length"] = field.length
    access = {"name": field.name, "readOnly": field.read_only}
    if field.rest:
        described["rest"] = access
    if field.custom or not field.rest:
        described["soap"] = access
    return described


def _describe2(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": field.name,
        "displayName": field.display_name,
        "dataType": field.data_type,
    }
    if field.length is not None:
        described["length"] = field.length
    described["updateable"] = not field.read_only
    described["crmManaged"] = False
    return described
