"""What no source answers about lists, programs, activities and custom objects.

`tests/sandbox/test_object_questions.py` shows what each switch does at each of its positions.
"""

from __future__ import annotations

from tests.sandbox.faults import Fault
from tests.sandbox.questions import EITHER, Question, option, struck

MARKETO_OBJECTS = (
    Question(
        "made_lag",
        "How late does an activity type or a list show that was just made?",
        "marketo_objects 2.4, 17: nothing is said of it",
        option("made_lag", 0.0, 120.0),
    ),
    Question(
        "activity_id",
        "Has an activity that was added an id, and is it its own?",
        "marketo_objects 2.2, 16.1",
        option("activity_id", "unique", "absent", "repeated"),
    ),
    Question(
        "lost_reply",
        "Is a call whose connection is lost carried out: at once, late, in part, or not?",
        "marketo_objects 16.1",
        struck(
            "the reply is lost",
            **{
                "carried out": Fault(what="reset", applied=True),
                "carried out late": Fault(what="late", seconds=0.5),
                "carried out in part": Fault(what="partly", share=0.5),
                "carried out in part, 604": Fault(what="partly", share=0.5, code="604"),
                "not carried out": Fault(what="reset"),
            },
        ),
    ),
    Question(
        "date_without_zone",
        "In which zone is an activityDate without one?",
        "marketo_objects 2.2, 16.2",
        option("date_without_zone", "utc", "instance", "1003"),
    ),
    Question(
        "date_in_future",
        "May an activity lie in the future?",
        "marketo_objects 16.2",
        option("date_in_future", "accept", "1003"),
    ),
    Question(
        "date_too_old",
        "What becomes of an activity that is older than 25 months?",
        "marketo_objects 2.5, 16.2",
        option("date_too_old", "accept", "1003", "purge"),
    ),
    Question(
        "date_with_fraction",
        "May an activityDate have fractions of a second?",
        "marketo_objects 16.2",
        option("date_with_fraction", "accept", "1003"),
    ),
    Question(
        "unknown_attribute",
        "Does an unknown attribute refuse its row, its call, or nothing?",
        "marketo_objects 2.2, 16.3",
        option("unknown_attribute", "1006", "ignore", "response_1006"),
    ),
    Question(
        "unknown_activity_type",
        "Which code has an unknown or unapproved type, of the row or of the call?",
        "marketo_objects 2.2, 16.3",
        option("unknown_activity_type", "1003", "1013", "response_1003", "response_1013"),
    ),
    Question(
        "wrong_attribute_type",
        "Is an attribute of the wrong type refused, or stored as text?",
        "marketo_objects 16.3",
        option("wrong_attribute_type", "1003", "store_text"),
    ),
    Question(
        "long_attribute",
        "Is a string of more than 255 characters refused, cut, or stored?",
        "marketo_objects 2.2, 16.3",
        option("long_attribute", "1003", "truncate", "store"),
    ),
    Question(
        "null_attribute",
        "Is an attribute that is null left out, or refused?",
        "marketo_objects 16.3",
        option("null_attribute", "ignore", "1003"),
    ),
    Question(
        "no_attributes",
        "May an activity have no attributes but the primary one?",
        "marketo_objects 2.2, 16.3",
        option("no_attributes", "accept", "1002"),
    ),
    Question(
        "blank_primary",
        "May the primary attribute of an activity be blank?",
        "marketo_objects 2.2, none tells",
        option("blank_primary", "accept", "1002"),
    ),
    Question(
        "discard_without_draft",
        "Which code has discarding a draft that is not there?",
        "marketo_objects 2.1",
        option("discard_without_draft", "1048", "1003"),
        not_met="`setup` discards no draft",
    ),
    Question(
        "activity_lag",
        "How late does an activity show?",
        "marketo_objects 2.4, 16.4",
        option("activity_lag", 0.0, 120.0),
    ),
    Question(
        "activity_token",
        "Does a reading begin by the date of an activity, or by when it was added?",
        "marketo_objects 2.4, 16.4",
        option("activity_token", "activity_date", "inserted"),
    ),
    Question(
        "activity_scan",
        "Are there empty pages with `moreResult`?",
        "marketo_objects 2.4, 16.4",
        option("activity_scan", 1000, 1),
    ),
    Question(
        "activity_empty_result",
        "Has an empty page a `result`?",
        "marketo_objects 16.4",
        option("activity_empty_result", "present", "missing"),
    ),
    Question(
        "activity_attribute_names",
        "Do attributes read back by display name alone?",
        "marketo_objects 2.4",
        option("activity_attribute_names", "display", "both"),
    ),
    Question(
        "large_list",
        "Is a list of 10,000 members or more refused in a reading? (3 here)",
        "marketo_objects 2.4, 16.4",
        option("large_list", "accept", "1003"),
        not_met="activities are read by person or type, never by list",
    ),
    Question(
        "list_added_again",
        "What is answered for a member that is added once more?",
        "marketo_objects 3, 16.7",
        option("list_added_again", "added", "skipped", "skipped_1017"),
    ),
    Question(
        "equal_step",
        "May a member move between statuses of an equal step?",
        "marketo_objects 4.2, 16.5",
        option("equal_step", "updated", "1037"),
    ),
    Question(
        "unknown_status_level",
        "Does an unknown status refuse the call, or its rows?",
        "marketo_objects 4.2, 16.5",
        option("unknown_status_level", "response", "row"),
    ),
    Question(
        "skipped_member_lead_id",
        "Do skipped rows of a status name their lead?",
        "marketo_objects 0.7, 16.5",
        option("skipped_member_lead_id", "absent", "present"),
    ),
    Question(
        "same_member_twice",
        "One lead twice in a status call: row by row, or an error?",
        "marketo_objects 16.5",
        option("same_member_twice", "each", "1036"),
    ),
    Question(
        "not_in_program",
        "Can `Not in Program` be set?",
        "marketo_objects 4.2, 16.5",
        option("not_in_program", "accept", "1025", "1003"),
    ),
    Question(
        "unknown_program",
        "Which code has an unknown program?",
        "marketo_objects 4.2",
        option("unknown_program", "1013", "1003"),
    ),
    Question(
        "acquired_by_updateable",
        "Can `acquiredBy` of a member be written?",
        "marketo_objects 4.3, 16.6",
        option("acquired_by_updateable", *EITHER),
        not_met="no field of a member is written",
    ),
    Question(
        "status_reason_updateable",
        "Can `statusReason` of a member be written?",
        "marketo_objects 4.3, 16.6",
        option("status_reason_updateable", *EITHER),
        not_met="no field of a member is written",
    ),
    Question(
        "unknown_member_field",
        "Does an unknown field of a member refuse its row, or the call?",
        "marketo_objects 16.6",
        option("unknown_member_field", "1006", "response_1006"),
        not_met="no field of a member is written",
    ),
    Question(
        "link_to_nobody",
        "Is a custom object that links to nobody refused?",
        "marketo_objects 5.2, 16.8",
        option("link_to_nobody", "1004", "accept"),
    ),
    Question(
        "link_to_several",
        "To whom does a link by an e-mail of several people lead?",
        "marketo_objects 5.1, 16.8",
        option("link_to_several", "1004", "first", "random"),
        not_met="objects are linked by id",
    ),
    Question(
        "unknown_object",
        "Which code has an unknown custom object?",
        "marketo_objects 5.2, 16.8",
        option("unknown_object", "1013", "610", "1003"),
    ),
    Question(
        "lead_field_taken",
        "Is the call refused, or its row, when a field to be made is there?",
        "marketo 2.3: no word in Adobe's 'Leads'",
        option("lead_field_taken", "response_1017", "row_1017"),
    ),
    Question(
        "extract_updated_at",
        "Can leads be extracted by when they were updated?",
        "marketo_objects 8, 16.12",
        option("extract_updated_at", "accept", "1035"),
        not_met="nothing is extracted",
    ),
    Question(
        "extract_early_file",
        "What is answered for a file that is not there yet?",
        "marketo_objects 8, 16.12",
        option("extract_early_file", "404", "1003"),
        not_met="nothing is extracted",
    ),
    Question(
        "extract_cancelled",
        "How is the status of a cancelled job spelt?",
        "marketo_objects 8",
        option("extract_cancelled", "Cancelled", "Canceled"),
        not_met="nothing is extracted",
    ),
    Question(
        "request_campaign",
        "Does a campaign run for the others, when it is requested for somebody who is gone?",
        "marketo_objects 12, 16.9",
        no_switch="the target requests no campaigns: an activity triggers them, 300 at a call",
    ),
    Question(
        "associate",
        "What becomes of a cookie that belongs to somebody else?",
        "marketo_objects 11, 16.11",
        no_switch="the target associates no cookies",
    ),
    Question(
        "bulk_imports",
        "What do empty cells and bad addresses mean in the three bulk imports?",
        "marketo_objects 7, 16.12",
        no_switch="the target imports nothing in bulk: there is no result for each row",
    ),
)
