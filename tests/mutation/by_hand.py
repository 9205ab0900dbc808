"""Faults that break a promise, written by hand: a test of that promise must notice each.

A fault names code that stands in one place of its package, whichever file that is.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[2]
_TARGET = "tests/target_marketo"
_RULES = (f"{_TARGET}/mapping/test_rules.py", f"{_TARGET}/mapping/test_decisions.py")
_PEOPLE = (f"{_TARGET}/delivery/test_engine.py", f"{_TARGET}/delivery/test_promises.py")
_STANDSTILL = (f"{_TARGET}/delivery/test_standstill.py", *_PEOPLE)
_ATTACHED = (f"{_TARGET}/delivery/test_attachments.py",)
_LEDGER = (f"{_TARGET}/store/test_activity_ledger.py",)
_ACTIVITIES = (
    f"{_TARGET}/writes/test_custom_activities.py",
    f"{_TARGET}/writes/test_activity_reading.py",
)
_KINDS = (f"{_TARGET}/writes/test_repeatable.py",)
_TAP = "tap-livechat/tap_livechat"
_STATE = tuple(
    f"tests/tap_livechat/streams/test_nothing_lost.py::test_{name}"
    for name in (
        "a_state_of_other_settings_ends_the_run_with_the_way_out",
        "a_run_that_ends_earlier_than_the_one_before_it_moves_no_bookmark_back",
    )
)
_SETTINGS = "tests/end_to_end/test_configuration.py::test"
_ERROR_LOG = tuple(
    f"{_TARGET}/ops/test_error_log.py::test_{name}"
    for name in (
        "only_the_part_that_failed_resolves_its_entry",
        "a_run_against_one_instance_leaves_the_entries_of_another_alone",
    )
)


class Fault(NamedTuple):
    """A promise, the code that keeps it, what breaks it, and the tests that must notice."""

    promise: str
    code: str
    fault: str
    tests: tuple[str, ...]
    package: str = "target-marketo/target_marketo"

    def module(self) -> Path:
        """The one file that has the code.

        Raises:
            LookupError: None has it, or several: the fault is to be written anew.
        """
        paths = sorted((_ROOT / self.package).rglob("*.py"))
        found = [path for path in paths for _ in range(path.read_text().count(self.code))]
        if len(found) != 1:
            raise LookupError(f"{self.promise}: {len(found)} places have {self.code!r}")
        return found[0]

    def source(self) -> str:
        """Of the module, with the fault in it."""
        return self.module().read_text().replace(self.code, self.fault)


PEOPLE = (
    Fault(
        "`duplicates: reject` is about several people, not about one",
        "if len(leads) > 1 and duplicates is Duplicates.REJECT",
        "if len(leads) > 0 and duplicates is Duplicates.REJECT",
        _PEOPLE,
    ),
    Fault(
        "A second stream's record is not applied to what was not looked up for it",
        "active.known_fields.issuperset(plan.lookup_fields)",
        "bool(active.known_fields)",
        _PEOPLE,
    ),
    Fault(
        "A group such as geography is written only where all of it is empty",
        "if all(is_empty(person.get(rule.field)) for rule in group)",
        "if any(is_empty(person.get(rule.field)) for rule in group)",
        _RULES,
    ),
    Fault(
        "A group such as geography is taken from one record, not put together from two",
        "if not any(rule.field in folded for rule in group)",
        "if not all(rule.field in folded for rule in group)",
        _RULES,
    ),
    Fault(
        "What is newest is written with its leader, not before it",
        "        if _beats(leader, at, held):\n            person[rule.field] = value",
        "        if value is not None:\n            person[rule.field] = value",
        _RULES,
    ),
    Fault(
        "Only the record that creates a person brings what is written on creation",
        "elif name in later and rule.write is not Write.ON_CREATE",
        "elif name in later",
        _RULES,
    ),
    Fault(
        "A stream that creates nobody makes nobody",
        "if step.rules.creates:\n                return _created(steps, step)",
        "if step.rules:\n                return _created(steps, step)",
        _RULES,
    ),
    Fault(
        "A missing value clears nothing",
        "                if clear:\n                    values[name] = None",
        "                values[name] = None",
        (f"{_TARGET}/mapping/test_streams_setting.py",),
    ),
    Fault(
        "One key is never in two calls at once",
        "        return self._park_behind(active)\n",
        "        return active\n",
        _PEOPLE,
    ),
    Fault(
        "A decision older than a minute is made again when its slot is granted",
        "return now - since <= _FRESH_SECONDS",
        "return now - since <= 30 * _FRESH_SECONDS",
        _PEOPLE,
    ),
    Fault(
        "Nobody is sent again while the call may be at work on them",
        "return max(rest, failure.at_work_seconds)",
        "return rest",
        _STANDSTILL,
    ),
    Fault(
        "After an unknown outcome everybody is held, and looked up when that is over",
        "            self._hold(call.items, rest)\n",
        "            self._hold(call.items, 0.0)\n",
        _STANDSTILL,
    ),
    Fault(
        "A create of unknown outcome is never said again blindly",
        "self._means.rests.put(seconds, lambda: self.look_up(entries))",
        "self._means.rests.put(seconds, lambda: self.decide(entries))",
        _PEOPLE,
    ),
    Fault(
        "An outage uses up nobody's tries",
        "return item.losses_alone >= MAX_ATTEMPTS and item.sightings >= _SIGHTINGS",
        "return item.losses_alone >= MAX_ATTEMPTS",
        _STANDSTILL,
    ),
    Fault(
        "A record is settled when its attachments have ended, too",
        "            if record.one_less():\n                self.bytes -= record.weight",
        "            if record.one_less() or True:\n                self.bytes -= record.weight",
        _ATTACHED,
    ),
)
ACTIVITIES = (
    Fault(
        "Ledger: an activity is known by instance and type",
        "return (ACTIVITIES.c.instance == self._instance, ACTIVITIES.c.type_id == type_id)",
        "return (ACTIVITIES.c.type_id == type_id, ACTIVITIES.c.type_id == type_id)",
        _LEDGER,
    ),
    Fault(
        "Ledger: what is pending is not handed out again",
        "for once, row in known.items() if row.state != State.NONE",
        'for once, row in known.items() if row.state in ("done", "undecided")',
        _LEDGER,
    ),
    Fault(
        "Ledger: of two streams the first wins",
        "wanted.setdefault(each.once, each)",
        "wanted[each.once] = each",
        (*_LEDGER, *_ACTIVITIES),
    ),
    Fault(
        "Ledger: bytes leave within five seconds of the commit, else nothing leaves",
        "if self._means.monotonic() - self._claimed_at <= _MOST_SECONDS_TO_SEND",
        "if self._means.monotonic() - self._claimed_at <= 600",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: what was surely not carried out is pending no more",
        "            call.give_back()\n            code = error.code",
        "            code = error.code",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: what may have been carried out stays pending",
        "            # The state stays pending: only a reading can tell.\n",
        "            call.give_back()\n",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: a row that was skipped is not done",
        "            if row.skipped:\n                refused.append(each.once)",
        '            if row.skipped and row.code == "nothing":\n                refused.append("")',
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: nothing is read back before twice the time-out",
        "longest = 2 * self._means.timeout",
        "longest = self._means.timeout",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: absent is what two whole readings did not show",
        "elif not self._watch.is_absent(which, read_at)",
        "elif self._watch.is_absent(which, read_at - 1.0)",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: three attempts at most",
        "elif each.attempts >= _ATTEMPTS",
        "elif each.attempts > _ATTEMPTS",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: the lead it was sent for is read, too",
        "{leads[each.once], each.lead_id}",
        "{leads[each.once]}",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: whoever has the key now is read, too",
        "{leads[each.once], each.lead_id}",
        "{each.lead_id}",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: a merge moves activities, so then everybody's are read",
        "if doubtful and set(self._means.still_there(doubtful)) != doubtful",
        "if doubtful and set(self._means.still_there(doubtful)) == set()",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: it is told when an activity is there twice",
        "        if twice:\n",
        "        if not twice:\n",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: a reading that is not whole shows nothing",
        "            return dict.fromkeys(wanted, _undecided())\n",
        "            found = {}\n",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: whole means that no page is left",
        "            return\n    raise NotWhole\n",
        "            return\n",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: attributes are compared by API name or display name",
        "if found is None and not self.described",
        "if found is None and self.described",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: what an earlier run left pending is read back, not taken for done",
        "return Result(Fate.UNKNOWN)  # of an earlier run",
        "return Result(Fate.DONE)  # of an earlier run",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: a reading goes back to what is about to be written",
        "if self.read_since is not None and oldest >= self.read_since",
        "if self.read_since is not None",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: what Marketo has and the store lacks becomes done",
        "            ledger.adopt(self.type_id, found_of(found, now()))\n",
        "",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: while somebody else may be writing nothing is added",
        "                return NotYet(visibility_seconds)\n",
        "                return None\n",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: too many pages end the lane, and nothing is written unread",
        "                self._over = self._too_much(start)\n"
        "                raise self._over from None\n",
        "                found = {}\n",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: nothing older than `since` is written",
        "if seconds_of(each.claim.date) < since",
        "if seconds_of(each.claim.date) < since - 3600.0",
        _ACTIVITIES,
    ),
    Fault(
        "Ledger: `since` is what the first run said, for all later ones",
        "func.coalesce(func.nullif(ACTIVITY_TYPES.c.since, _NO_RUN_YET), proposal)",
        "func.coalesce(proposal, ACTIVITY_TYPES.c.since)",
        _LEDGER,
    ),
    Fault(
        "Ledger: what is pending is never forgotten",
        "ACTIVITIES.c.state.in_((State.DONE, State.NONE))",
        "ACTIVITIES.c.state.in_((State.DONE, State.NONE, State.PENDING))",
        _LEDGER,
    ),
    Fault(
        "Ledger: a purge clears the person",
        ".values(lead_id=None, guid=None, key_hash=None)",
        ".values(guid=None, key_hash=None)",
        _LEDGER,
    ),
    Fault(
        "Ledger: a purge leaves what is pending",
        ".where(theirs, ~pending)",
        ".where(theirs)",
        _LEDGER,
    ),
    Fault(
        "Ledger: only what is pending becomes undecided",
        "                    ACTIVITIES.c.once.in_(batch),\n"
        "                    ACTIVITIES.c.state == State.PENDING,\n",
        "                    ACTIVITIES.c.once.in_(batch),\n",
        (*_LEDGER, *_ACTIVITIES),
    ),
    Fault(
        "Ledger: what a person says was written is never sent",
        "State.DONE if written else State.NONE",
        "State.NONE if written else State.DONE",
        _LEDGER,
    ),
    Fault(
        "Ledger: before a move it is asked whether this run may still write",
        "        self._means.before_move()\n        self._ledger.settle(type_id, done=done,",
        "        self._ledger.settle(type_id, done=done,",
        _ACTIVITIES,
    ),
    Fault(
        "The once value of an activity is never shortened",
        "if isinstance(each.value, str) and each.api_name != once",
        "if isinstance(each.value, str)",
        _ACTIVITIES,
    ),
    Fault(
        "An activity has one once value, whoever it is attached to",
        "return (lane.key, attachment.once)",
        "return (lane.key, attachment.once, attachment.payload)",
        _ACTIVITIES,
    ),
)
ATTACHMENTS = (
    Fault(
        "A person goes into a list once, whatever the list is called",
        '"""One list may have two names: its own, and its id."""\n'
        "        return lead_id, self.lanes.about(attachment.lane)",
        "return lead_id, attachment.lane",
        _KINDS,
    ),
    Fault(
        "A person has one status in a program, whatever the program is called",
        "return lead_id, self.lanes.about(lane), status",
        "return lead_id, lane.key[0], status",
        _KINDS,
    ),
    Fault(
        "Where the steps of statuses are not known each is said, and Marketo keeps the greater one",
        'status = lane.key[1] if known is not None and known.step is None else ""',
        'status = ""',
        _KINDS,
    ),
    Fault(
        "Nobody goes back in a program",
        "and that is not None and this > that",
        "and that is not None and this != that",
        _KINDS,
    ),
    Fault(
        "Who is in a status or past it already is done",
        '        "1037",\n        Class.DONE,',
        '        "1037",\n        Class.PERMANENT,',
        _KINDS,
    ),
    Fault(
        "What is wrong with a list ends the list",
        "    # There is nothing in such a call that could be invalid but its list.\n"
        '    but_calls: ClassVar[Mapping[str, Fate]] = {"1003": Fate.ENDS_LANE}\n',
        "",
        _KINDS,
    ),
    Fault(
        "What is wrong with a program ends that program and status",
        "could be invalid but its program or its status.\n"
        '    but_calls: ClassVar[Mapping[str, Fate]] = {"1003": Fate.ENDS_LANE}\n',
        "",
        _KINDS,
    ),
    Fault(
        "A list that was made anew gets its people",
        "if not is_gone or not self.lanes.moved(lane, known)",
        "if is_gone or not self.lanes.moved(lane, known)",
        _KINDS,
    ),
    Fault(
        "An object is one for its key, whoever its person is",
        "        del lead_id\n        return attachment.lane.key, attachment.once",
        "        return lead_id, attachment.lane.key, attachment.once",
        _KINDS,
    ),
    Fault(
        "The later record of an object wins",
        '"""Whether what is said later takes the place of what was said before."""\n'
        "        del lane, before\n        return True",
        "return False",
        _KINDS,
    ),
    Fault(
        "An object is linked to its person, whatever the record says",
        "values = {name: value for name, value in mapped.values.items() if name != link}",
        "values = {link: 0, **mapped.values}",
        _KINDS,
    ),
    Fault(
        "A lane that ends leaves the others of its kind alone",
        "(kind.name, lane if fate is Fate.ENDS_LANE else None)",
        "(kind.name, None)",
        _ATTACHED,
    ),
    Fault(
        "What is wrong with a kind ends the kind, and people go on",
        "return Fate.ENDS_KIND if fate is Fate.ENDS_RUN and family is not Family.PEOPLE else fate",
        "return fate",
        _KINDS,
    ),
    Fault(
        "Nothing of a person who is refused is sent",
        "        self._settlement.refused(entries, why)\n        for entry, _ in entries:\n",
        "        self._settlement.refused(entries, why)\n        for entry, _ in entries:\n"
        "            entry.lead_id = 1\n            self._follow(entry, self._attachments)\n",
        _ATTACHED,
    ),
    Fault(
        "A dry run sends nothing that is attached",
        "if self._means.options.dry_run or lead_id is None",
        "if lead_id is None",
        _ATTACHED,
    ),
    Fault(
        "Attachments go to the newest of several people with one key",
        "choose = min if self._options.duplicates is Duplicates.OLDEST else max",
        "choose = min",
        _ATTACHED,
    ),
)
OTHERS = (
    Fault(
        "STATE knows what it belongs to",
        "if was.get(name, value) != value",
        'if was.get(name, value) != value and name != "account_id"',
        _STATE,
        _TAP,
    ),
    Fault(
        "STATE says what it belongs to",
        '            state["belongs_to"] = self._belongs_to\n',
        "",
        _STATE,
        _TAP,
    ),
    Fault(
        "A bookmark never goes back",
        "moment = latest((self.bookmark, position))",
        "moment = position",
        _STATE,
        _TAP,
    ),
    Fault(
        "The environment goes before .env",
        '((_of_dotenv(), ".env"), (os.environ, "the environment"))',
        '((os.environ, "the environment"), (_of_dotenv(), ".env"))',
        (f"{_SETTINGS}_the_stronger_source_wins",),
    ),
    Fault(
        "A --config file is complete in itself",
        "if given and ENVIRONMENT not in files",
        "if given and ENVIRONMENT in files",
        (f"{_SETTINGS}_a_file_is_complete_in_itself",),
    ),
    Fault(
        "An entry of the error log is resolved by its own part alone",
        "                row.part in delivery.parts\n",
        "                row.part\n",
        _ERROR_LOG,
    ),
    Fault(
        "An entry of the error log belongs to its instance",
        "return (ERRORS.c.resolved_at.is_(None), ERRORS.c.instance == self._instance)",
        "return (ERRORS.c.resolved_at.is_(None),)",
        _ERROR_LOG,
    ),
)
FAULTS = (*PEOPLE, *ACTIVITIES, *ATTACHMENTS, *OTHERS)
