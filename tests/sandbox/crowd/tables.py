"""The material: names, places, pages and sentences. Nobody in here exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.crowd.model import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

DOMAINS = ("example.com", "example.org", "example.net")

# Each with the spelling that an address would use.
FIRST_NAMES = (
    ("Anna", "anna"),
    ("John", "john"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Mary Ann", "mary.ann"),
    ("Søren", "soren"),
    ("François", "francois"),
    ("Aleksandra", "aleksandra"),
    ("Jürgen", "jurgen"),
    ("Priya", "priya"),
    ("Ming", "ming"),
    ("Олена", "olena"),
    ("José", "jose"),
    ("Fatima", "fatima"),
    ("さくら", "sakura"),
    ("Thomas", "thomas"),
    ("Grace", "grace"),
    ("Noah", "noah"),
    ("Chloe", "chloe"),
    ("Emeka", "emeka"),
    ("Mateo", "mateo"),
)
LAST_NAMES = (
    ("Smith", "smith"),
    ("Nowak", "nowak"),
    ("van der Berg", "vanderberg"),
    ("O'Neill", "oneill"),
    ("Müller", "muller"),
    ("García Márquez", "garcia.marquez"),
    ("Świątek", "swiatek"),
    ("Ковальчук", "kovalchuk"),
    ("田中", "tanaka"),
    ("Jensen", "jensen"),
    ("Patel", "patel"),
    ("Okafor", "okafor"),
    ("Smith-Jones", "smith-jones"),
    ("Lefèvre", "lefevre"),
    ("Li", "li"),
    ("Anderson", "anderson"),
    ("Rossi", "rossi"),
    ("de la Cruz", "delacruz"),
    ("Novák", "novak"),
)
DEFAULT_NAMES = ("Client", "Visitor", "Customer")

PLACES = (
    Place(
        "Wroclaw",
        "Dolnoslaskie",
        "Poland",
        "PL",
        "50-001",
        "Europe/Warsaw",
        "51.1043015",
        "17.0335007",
        "+48",
    ),
    Place(
        "Boston",
        "Massachusetts",
        "United States",
        "US",
        "02108",
        "America/New_York",
        "42.3584308",
        "-71.0597732",
        "+1",
    ),
    Place(
        "São Paulo",
        "São Paulo",
        "Brazil",
        "BR",
        "01000-000",
        "America/Sao_Paulo",
        "-23.5506507",
        "-46.6333824",
        "+55",
    ),
    Place(
        "München",
        "Bayern",
        "Germany",
        "DE",
        "80331",
        "Europe/Berlin",
        "48.1371079",
        "11.5753822",
        "+49",
    ),
    Place(
        "Kyiv",
        "Kyiv City",
        "Ukraine",
        "UA",
        "01001",
        "Europe/Kyiv",
        "50.4500336",
        "30.5241361",
        "+380",
    ),
    Place(
        "Osaka",
        "Osaka",
        "Japan",
        "JP",
        "530-0001",
        "Asia/Tokyo",
        "34.6937569",
        "135.5014539",
        "+81",
    ),
    Place(
        "Lagos",
        "Lagos",
        "Nigeria",
        "NG",
        "100001",
        "Africa/Lagos",
        "6.4550575",
        "3.3941795",
        "+234",
    ),
    Place(
        "Auckland",
        "Auckland",
        "New Zealand",
        "NZ",
        "1010",
        "Pacific/Auckland",
        "-36.852095",
        "174.7631803",
        "+64",
    ),
    Place(
        "Pune",
        "Maharashtra",
        "India",
        "IN",
        "411001",
        "Asia/Kolkata",
        "18.5213738",
        "73.8545071",
        "+91",
    ),
    Place(
        "Cork",
        "County Cork",
        "Ireland",
        "IE",
        "T12",
        "Europe/Dublin",
        "51.8979282",
        "-8.4705806",
        "+353",
    ),
)

USER_AGENTS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.4 Safari/605.1.15"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Mobile/15E148"
    ),
)
PAGES = (
    ("/", "Home"),
    ("/pricing", "Pricing"),
    ("/pricing?plan=team&utm_source=newsletter", "Pricing » Team"),
    ("/docs/getting-started", "Getting started"),
    ("/checkout?step=2", "Checkout"),
    ("/blog/10-formas-de-ahorrar", "Diez formas de ahorrar"),
)
REFERRERS = (
    None,
    None,
    "https://www.example.org/search?q=live+chat",
    "https://news.example.net/",
    "https://partner.example.com/reviews?id=42",
)

QUESTIONS = (
    "Hello, is anybody there?",
    "Do you ship to my country?",
    "I can't log in since this morning 😕",
    "Dzień dobry, ile kosztuje plan Team?",
    "What is the difference between the two plans?",
    "¿Puedo pagar con transferencia?",
    'My order has not arrived. It said "two days".\nIt\'s been a week; see attached.',
    "返品できますか?",
    "thanks",
    '<b>bold?</b> & "quotes" \\ and a tab\there',
)
ANSWERS = (
    "Hello! How can I help you today?",
    "Let me check that for you.",
    "Thank you for waiting. It should work again now.",
    "You can change the plan at any time: https://www.example.com/pricing",
    "Is there anything else I can do for you?",
    "Natürlich, gern geschehen 🙂",
)
LONG_SENTENCE = (
    "Here is the whole log, as you asked; I do not know which part of it matters to you. "
)
SUMMARIES = (
    "The visitor asked about prices; the agent explained the plans.",
    "The visitor could not sign in; the agent reset the password.",
)
TOPICS = ("Sales", "Support", "Billing")
INDUSTRIES = ("automotive", "education", "it", "retail")

# What a shop, a help desk and other channels know of a visitor, as LiveChat serves it. The names
# and capitals in `omnichannel` are the vendor's.
BELONGINGS: Mapping[str, Any] = {
    "carts": [
        {
            "store_uuid": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "store_platform": "shopify",
            "customer_signed_in": True,
            "subtotal": 99.99,
            "total": 109.99,
            "subtotal_usd": 99.99,
            "total_usd": 109.99,
            "currency": "USD",
            "items": [{"id": 1234567890, "quantity": 2, "variant_id": 9876543210}],
            "last_updated_at": "2025-10-12T15:19:21.010200Z",
        }
    ],
    "tickets": [
        {
            "ticket_id": "0c04cb99-817a-4935-9d62-137c89a74388",
            "created_at": "2025-10-12T15:19:21.010200Z",
        }
    ],
    "omnichannel": {
        "fb_messenger": [
            {
                "ID": "fb_messenger_id",
                "Name": "Somebody Else",
                "FirstName": "Somebody",
                "LastName": "Else",
                "ProfilePicURL": "https://www.example.com/avatars/1.png",
                "Gender": "female",
                "Locale": "EN_US",
                "IsVerifiedUser": True,
            }
        ],
        "twilio": [{"+18005550199": {"phone_number": "+18005550199"}}],
    },
}
