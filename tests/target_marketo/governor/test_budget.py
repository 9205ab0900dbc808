from __future__ import annotations

from target_marketo.governor.budget import Reduced


def cut(reduced: Reduced, *, used: int = 100, now: float = 50.0) -> Reduced:
    return reduced.cut(limit=100, used=used, factor=0.85, floor=2, now=now, clean_since=now)


def test_a_budget_that_was_never_refused_is_the_limit() -> None:
    assert Reduced().now(100) == 100


def test_a_refusal_cuts_what_was_really_used() -> None:
    assert cut(Reduced()).now(100) == 85
    assert cut(Reduced(), used=40).now(100) == 34
    assert cut(cut(Reduced())).now(100) == 72


def test_it_never_falls_below_its_floor() -> None:
    reduced = Reduced()
    for _ in range(50):
        reduced = cut(reduced, used=0)
    assert reduced.now(100, floor=2) == 2


def test_one_cut_for_each_flight() -> None:
    reduced = cut(Reduced(), now=50.0)
    assert not reduced.is_news(granted=49.9)
    assert reduced.is_news(granted=50.1)


def test_it_grows_by_a_step_for_each_clean_window() -> None:
    reduced = cut(Reduced(), now=50.0)

    def later(now: float) -> Reduced:
        return reduced.after_time(limit=100, step=5.0, every=20.0, now=now)

    assert later(69.9).now(100) == 85
    assert later(70.0).now(100) == 90
    assert later(95.0).now(100) == 95
    assert later(95.0).clean_since == 90.0  # the five seconds are not lost
    assert later(110.0) == Reduced(cut_at=50.0, clean_since=110.0)


def test_a_pause_is_no_clean_time() -> None:
    reduced = Reduced().cut(limit=100, used=100, factor=0.85, floor=2, now=50.0, clean_since=100.0)
    later = reduced.after_time(limit=100, step=5.0, every=20.0, now=119.9)
    assert later.now(100) == 85


def test_slots_grow_by_one_for_each_twenty_good_calls() -> None:
    reduced = Reduced().cut(limit=10, used=10, factor=0.7, floor=1, now=0.0, clean_since=0.0)
    for _ in range(19):
        reduced = reduced.after_success(limit=10, step=1.0, every=20)
    assert reduced.now(10) == 7
    reduced = reduced.after_success(limit=10, step=1.0, every=20)
    assert reduced.now(10) == 8


def test_processes_with_other_limits_share_one_reduced_budget() -> None:
    reduced = cut(Reduced(), used=80)
    assert (reduced.now(50), reduced.now(100)) == (50, 68)


def test_a_cut_begins_from_what_was_used_but_not_below_the_floor() -> None:
    def halved(used: int, calls: float | None = None) -> Reduced:
        return Reduced(calls=calls).cut(
            limit=50, used=used, factor=0.5, floor=10, now=7.0, clean_since=8.0
        )

    assert halved(40) == Reduced(calls=20.0, cut_at=7.0, clean_since=8.0)
    assert [halved(used).calls for used in (99, 12, 3)] == [25.0, 10.0, 10.0]
    assert halved(40, calls=30.0).calls == 15.0


def test_what_others_leave_is_the_budget_to_begin_with_but_not_below_the_floor() -> None:
    def begun(calls: float) -> Reduced:
        return Reduced().begin(calls, limit=50, floor=5, now=9.0)

    assert [begun(calls).calls for calls in (-3.0, 20.0, 49.5, 50.0)] == [5.0, 20.0, 49.5, None]
    assert begun(20.0).clean_since == 9.0


def test_a_budget_that_is_not_reduced_does_not_grow_and_counts_no_success() -> None:
    full = Reduced()
    assert full.after_success(limit=50, step=1.0, every=2) is full


def test_so_many_good_calls_are_one_step_each_time() -> None:
    reduced, seen = Reduced(calls=2.0), []
    for _ in range(6):
        reduced = reduced.after_success(limit=10, step=1.0, every=3)
        seen.append(reduced.calls)
    assert seen == [2.0, 2.0, 3.0, 3.0, 3.0, 4.0]
