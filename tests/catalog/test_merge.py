"""Rows to courses, and what an import changes."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from libs.common.db import MAX_EVENT_BYTES
from libs.contracts.catalog import Course, CoursePublishedV1, Session
from services.catalog.domain.draft import Draft, Place, course_id
from services.catalog.domain.merge import Known, change, gather, to_publish
from services.catalog.domain.value import MOST_PLACES, MOST_SESSION, MOST_WON
from services.catalog.service import MOST_SESSIONS
from services.catalog.sources.base import MOST_ID, MOST_NAME, MOST_TITLE, MOST_URL

TODAY = date(2026, 11, 23)


def course(title: str = "과정", identifier: str = "x:1") -> Course:
    return Course(
        course_id=identifier,
        source="x",
        source_id="1",
        programme="P1",
        title=title,
        provider="기관",
        mode="onsite",
        level="beginner",
        field="office",
        ai=True,
    )


def session(number: int, start: str = "2026-12-01", fee: int | None = None) -> Session:
    return Session(session_no=number, starts_on=date.fromisoformat(start), fee=fee)


def row(number: int, made: Session | None, title: str = "과정", is_open: bool = True) -> tuple[Place, Draft]:
    return Place(number), Draft(course(title), made, is_open)


def known(*sessions: Session, title: str = "과정", version: int = 1) -> Known:
    return Known(course(title).model_copy(update={"sessions": sessions}), "offered", version)


def test_an_exact_repetition_is_merged_and_names_no_difference() -> None:
    (found,), (merged,) = gather([row(2, session(1)), row(3, session(1))])

    assert (merged.place.row, merged.repeats.row, merged.differs) == (3, 2, ())
    assert len(found.rows) == 1


def test_of_two_rows_of_one_session_the_last_holds_and_the_difference_is_named() -> None:
    (found,), (merged,) = gather([row(2, session(1, fee=100)), row(3, session(1, fee=200), "새 이름")])

    assert merged.differs == ("title", "fee")
    after = change(None, found)
    assert (after.course.title, after.course.sessions[0].fee) == ("새 이름", 200)


def test_the_newest_session_speaks_for_the_course_whatever_the_order_of_rows() -> None:
    (found,), _ = gather([row(2, session(2, "2027-01-01"), "새 이름"), row(3, session(1, "2026-01-01"), "옛 이름")])

    assert change(None, found).course.title == "새 이름"


def test_an_extract_of_past_sessions_brings_no_old_title_back() -> None:
    (found,), _ = gather([row(2, session(1, "2026-01-01", fee=5), "옛 이름")])
    before = known(session(1, "2026-01-01"), session(2, "2027-01-01"), title="새 이름")

    after = change(before, found)

    assert after.course.title == "새 이름"
    assert [one.fee for one in after.course.sessions] == [5, None]
    assert after.version == 2


def test_a_session_that_moves_forward_still_speaks_for_its_course() -> None:
    (found,), _ = gather([row(2, session(2, "2026-12-20"), "새 이름")])

    after = change(known(session(1, "2026-01-01"), session(2, "2027-01-01")), found)

    assert after.course.title == "새 이름"


def test_the_same_rows_again_change_nothing() -> None:
    (found,), _ = gather([row(2, session(1)), row(3, session(2))])

    after = change(known(session(1), session(2), version=7), found)

    assert (after.real, after.version) == (False, 7)
    assert [outcome for _, outcome in after.outcomes] == ["unchanged", "unchanged"]


def test_a_changed_title_counts_as_an_update_of_the_row_that_speaks() -> None:
    (found,), _ = gather([row(2, session(1), "새 이름"), row(3, session(2, "2027-01-01"), "새 이름")])

    after = change(known(session(1), session(2, "2027-01-01")), found)

    assert [(place.row, outcome) for place, outcome in after.outcomes] == [(2, "unchanged"), (3, "updated")]
    assert after.version == 2


def test_sessions_that_a_file_does_not_name_stay() -> None:
    (found,), _ = gather([row(2, session(3, "2027-03-01"))])

    after = change(known(session(1)), found)

    assert [one.session_no for one in after.course.sessions] == [1, 3]


def test_a_course_that_its_source_closes_is_closed_and_may_open_again() -> None:
    (closing,), _ = gather([row(2, None, is_open=False)])
    (opening,), _ = gather([row(2, None)])

    closed = change(known(), closing)
    opened = change(Known(closed.course, closed.status, closed.version), opening)

    assert (closed.status, closed.version, opened.status, opened.version) == ("closed", 2, "offered", 3)


def test_only_sessions_to_come_and_the_last_one_over_are_published() -> None:
    years = [session(number, f"{2020 + number}-01-01") for number in range(1, 8)]
    over = Session(session_no=9, starts_on=date(2026, 1, 1), ends_on=date(2026, 11, 22))
    running = Session(session_no=10, starts_on=date(2026, 1, 1), ends_on=TODAY)
    timeless = Session(session_no=11)
    whole = course().model_copy(update={"sessions": (*years, over, running, timeless)})

    published = to_publish(whole, TODAY)

    assert [one.session_no for one in published.sessions] == [9, 10, 7, 11]
    assert to_publish(course(), TODAY).sessions == ()


def test_the_largest_course_allowed_fits_into_a_message() -> None:
    day = date(2099, 12, 31)
    sessions = [
        Session(session_no=MOST_SESSION - n, starts_on=day, ends_on=day, capacity=MOST_PLACES, fee=MOST_WON)
        for n in range(MOST_SESSIONS)
    ]
    texts = {
        "title": "가" * MOST_TITLE,
        "provider": "가" * MOST_NAME,
        "url": "가" * MOST_URL,
        "source_id": "가" * MOST_ID,
    }
    key = course_id("ieum", texts["source_id"])
    largest = course(identifier=key).model_copy(update={**texts, "sessions": tuple(sessions)})

    event = CoursePublishedV1(
        course_id=key, version=10**9, course=largest, published_at=datetime(2026, 11, 23, tzinfo=UTC)
    )

    assert len(event.model_dump_json().encode()) < MAX_EVENT_BYTES


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["x:1", "x:2", "x:3"]),
        st.one_of(st.none(), st.integers(1, 4)),
        st.integers(0, 2),
        st.sampled_from(["가", "나"]),
    ),
    max_size=30,
)


@given(ROWS, ROWS)
def test_every_row_has_one_outcome_and_a_repetition_changes_nothing(
    first: list[tuple[str, int | None, int, str]], second: list[tuple[str, int | None, int, str]]
) -> None:
    stored: dict[str, Known] = {}
    for rows in (first, second, second):
        drafts = [
            (Place(n), Draft(course(title, key), None if number is None else Session(session_no=number, fee=fee)))
            for n, (key, number, fee, title) in enumerate(rows)
        ]
        found, merged = gather(drafts)
        changes = [change(stored.get(one.course_id), one) for one in found]
        outcomes = [place for after in changes for place, _ in after.outcomes] + [one.place for one in merged]
        assert sorted(place.row for place in outcomes) == list(range(len(rows)))
        stored |= {after.course.course_id: Known(after.course, after.status, after.version) for after in changes}

    assert not any(after.real for after in changes)
