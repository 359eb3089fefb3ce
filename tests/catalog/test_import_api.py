"""Course imports over HTTP: every row accounted for, events only where something changed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from libs.common import migrate, tables, upload
from services.catalog import service
from services.catalog.app import create_app
from tests.catalog.conftest import (
    KDT_ROW,
    KMOOC_ROW,
    WORK24_ROW,
    Catalog,
    adds_up,
    csv_bytes,
    ieum_csv,
    json_bytes,
)
from tests.conftest import ClientFor, Clock, MakeKit

PUBLISHED, WITHDRAWN = "catalog.course.published.v1", "catalog.course.withdrawn.v1"


async def test_the_migrations_make_the_tables_that_the_code_uses(make_kit: MakeKit) -> None:
    kit = await make_kit("catalog")

    await migrate.check(kit.db, "catalog")


async def test_a_mixed_file_is_accounted_for_row_by_row(catalog: Catalog) -> None:
    data = ieum_csv(
        {},
        {"session_no": "2", "starts_on": "2027-01-04", "ends_on": "2027-01-05"},
        {},
        {"session_no": "2", "starts_on": "2027-01-04", "ends_on": "2027-01-05", "fee": "1"},
        {"course_id": "A-2", "programme": "P99", "fee": "-5"},
        {"course_id": "A-3"},
    )

    report = await catalog.loaded("ieum", data)

    assert adds_up(report)
    assert {name: report[name] for name in ("rows", "loaded", "updated", "unchanged", "merged", "refused")} == {
        "rows": 6,
        "loaded": 3,
        "updated": 0,
        "unchanged": 0,
        "merged": 2,
        "refused": 1,
    }
    assert report["courses"] == {"new": 2, "changed": 0, "unchanged": 0}
    lists = report["lists"]
    assert [(one["row"], one["repeats_row"], one["code"], one["field"]) for one in lists["merged"]] == [
        (4, 2, "duplicate", ""),
        (5, 3, "duplicate-differs", "fee"),
    ]
    assert [(one["row"], one["line"], one["field"], one["code"], one["value"]) for one in lists["refused"]] == [
        (6, 6, "programme", "programme-unknown", "P99"),
        (6, 6, "fee", "negative", "-5"),
    ]
    assert all(one["ko"] and one["en"] for one in lists["merged"] + lists["refused"])
    assert [session["fee"] for session in (await catalog.course("ieum:A-1"))["sessions"]] == [432_000, 1]


async def test_the_account_can_be_read_later(catalog: Catalog) -> None:
    report = await catalog.loaded("ieum", ieum_csv({}))

    answer = await catalog.client.get(f"/v1/course-imports/{report['import_id']}")

    assert answer.json() == report
    assert (await catalog.client.get("/v1/course-imports/none")).status_code == 404


async def test_the_same_file_twice_changes_nothing_and_tells_nobody(catalog: Catalog) -> None:
    data = ieum_csv({}, {"session_no": "2"}, {"course_id": "A-2"})
    await catalog.loaded("ieum", data)
    before, course = await catalog.events(), await catalog.course("ieum:A-1")

    report = await catalog.loaded("ieum", data)

    assert (report["unchanged"], report["loaded"], report["updated"]) == (3, 0, 0)
    assert await catalog.events() == before
    assert await catalog.course("ieum:A-1") == course
    assert [(kind, data["course_id"], data["version"]) for kind, data in before] == [
        (PUBLISHED, "ieum:A-1", 1),
        (PUBLISHED, "ieum:A-2", 1),
    ]


async def test_one_event_tells_a_changed_course_whole(catalog: Catalog) -> None:
    await catalog.loaded("ieum", ieum_csv({}, {"session_no": "2"}, {"course_id": "A-2"}))

    report = await catalog.loaded("ieum", ieum_csv({"fee": "500,000"}, {"session_no": "3"}))

    assert (report["loaded"], report["updated"]) == (1, 1)
    kind, event = (await catalog.events())[-1]
    assert (kind, event["course_id"], event["version"]) == (PUBLISHED, "ieum:A-1", 2)
    assert [(one["session_no"], one["fee"]) for one in event["course"]["sessions"]] == [
        (1, 500_000),
        (2, 432_000),
        (3, 432_000),
    ]
    assert len(await catalog.events()) == 3


async def test_a_dry_run_says_what_would_happen_and_does_nothing(catalog: Catalog) -> None:
    await catalog.loaded("ieum", ieum_csv({}))
    before = await catalog.events()

    report = await catalog.loaded("ieum", ieum_csv({"fee": "1"}, {"course_id": "A-2"}, {"fee": "x"}), dry_run=True)

    assert adds_up(report)
    assert (report["dry_run"], report["updated"], report["loaded"], report["refused"]) == (True, 1, 1, 1)
    assert await catalog.events() == before
    assert (await catalog.client.get("/v1/courses/ieum:A-2")).status_code == 404


async def test_a_form_with_one_file_is_read_as_the_body_would_be(catalog: Catalog) -> None:
    data = csv_bytes([KDT_ROW])
    headers = {"Idempotency-Key": "form"}
    url = "/v1/course-imports?source=kdt"

    answer = await catalog.client.post(url, files={"file": ("kdt.csv", data)}, headers=headers)
    two = await catalog.client.post(
        url, files={"a": ("a.csv", data), "b": ("b.csv", data)}, headers={"Idempotency-Key": "two"}
    )
    bad = await catalog.client.post(
        url, content=b"x", headers={"Idempotency-Key": "bad", "Content-Type": "multipart/form-data"}
    )

    assert (answer.status_code, answer.json()["loaded"]) == (201, 1)
    assert (two.status_code, two.json()["type"]) == (422, "urn:ieum:problem:one-file")
    assert (bad.status_code, bad.json()["type"]) == (400, "urn:ieum:problem:bad-multipart")


async def test_a_repeated_key_gives_the_first_answer_and_another_payload_is_refused(catalog: Catalog) -> None:
    first = await catalog.load("ieum", ieum_csv({}), key="k")
    again = await catalog.load("ieum", ieum_csv({}), key="k")
    other = await catalog.load("ieum", ieum_csv({"course_id": "A-9"}), key="k")

    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["type"]) == (422, "urn:ieum:problem:idempotency-key-reused")
    assert (await catalog.client.get("/v1/courses/ieum:A-9")).status_code == 404


async def test_without_key_scope_or_source_nothing_is_imported(
    catalog: Catalog, client_for: ClientFor, make_kit: MakeKit
) -> None:
    reader = client_for(create_app(catalog.kit), "courses:read")
    url, data = "/v1/course-imports", ieum_csv({})

    no_key = await catalog.client.post(url, params={"source": "ieum"}, content=data)
    no_scope = await reader.post(url, params={"source": "ieum"}, content=data, headers={"Idempotency-Key": "k"})
    no_source = await catalog.client.post(url, content=data, headers={"Idempotency-Key": "k"})
    odd_source = await catalog.load("nowhere", data)

    assert [one.status_code for one in (no_key, no_scope, no_source, odd_source)] == [400, 403, 422, 422]
    assert await catalog.events() == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (b"<html>no such key</html>", "markup-instead-of-data"),
        (b'[{"trprId":', "broken-json"),
        (csv_bytes([KDT_ROW]), "missing-columns"),
    ],
)
async def test_a_file_that_is_not_of_its_source_is_answered_with_why(catalog: Catalog, data: bytes, code: str) -> None:
    answer = await catalog.load("work24", data)

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, f"urn:ieum:problem:{code}")
    assert problem["title"]
    assert problem["title_en"]


async def test_missing_columns_are_members_of_the_problem(catalog: Catalog) -> None:
    problem = (await catalog.load("work24", csv_bytes([KMOOC_ROW]))).json()

    assert "trprId" in problem["missing"]
    assert "title" not in problem["missing"]


async def test_an_oversized_file_is_refused_before_it_is_held(catalog: Catalog) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1
            yield b"x" * 1024 * 1024
            await asyncio.sleep(0)

    headers = {"Idempotency-Key": "big"}
    streamed = await catalog.client.post("/v1/course-imports?source=kdt", content=endless(), headers=headers)
    stated = await catalog.load("kdt", b"x" * (upload.MOST_BYTES + 1))

    assert (streamed.status_code, stated.status_code) == (413, 413)
    assert stated.json()["limit"] == upload.MOST_BYTES


async def test_a_course_with_more_sessions_than_a_message_holds_is_refused_and_the_rest_go_on(catalog: Catalog) -> None:
    many = [
        {"session_no": str(number), "starts_on": "", "ends_on": ""} for number in range(1, service.MOST_SESSIONS + 2)
    ]
    most = [{"course_id": "A-2", **one} for one in many[:-1]]

    report = await catalog.loaded("ieum", ieum_csv(*many, *most))

    assert adds_up(report)
    assert (report["loaded"], report["refused"]) == (service.MOST_SESSIONS, service.MOST_SESSIONS + 1)
    assert report["lists"]["refused"][0]["code"] == "too-many-sessions"
    assert [data["course_id"] for _, data in await catalog.events()] == ["ieum:A-2"]


async def test_lists_are_cut_and_counts_are_not(catalog: Catalog) -> None:
    rows = [{"fee": "x"}] * 10_050

    report = await catalog.loaded("ieum", ieum_csv(*rows))

    assert adds_up(report)
    assert (report["refused"], len(report["lists"]["refused"]), report["omitted"]["refused"]) == (10_050, 10_000, 50)


async def test_many_courses_are_stored_in_several_transactions(catalog: Catalog) -> None:
    rows = [{"course_id": f"A-{number}"} for number in range(1_100)]

    report = await catalog.loaded("ieum", ieum_csv(*rows))

    assert report["courses"]["new"] == 1_100
    async with catalog.kit.db.reading() as conn:
        count = await conn.scalar(select(func.count()).select_from(tables.outbox))
        moments = await conn.scalar(select(func.count(func.distinct(tables.outbox.c.key))))
    assert (count, moments) == (1_100, 1_100)


async def test_imports_at_the_same_time_build_on_one_another(catalog: Catalog) -> None:
    first = ieum_csv(*({"session_no": str(number)} for number in range(1, 11)))
    second = ieum_csv(*({"session_no": str(number)} for number in range(11, 21)))

    await asyncio.gather(catalog.loaded("ieum", first), catalog.loaded("ieum", second))

    course = await catalog.course("ieum:A-1")
    assert sorted(one["session_no"] for one in course["sessions"]) == list(range(1, 21))
    assert course["version"] == 2
    assert [data["version"] for _, data in await catalog.events()] == [1, 2]


async def test_a_course_that_its_source_ends_is_withdrawn_and_may_come_back(catalog: Catalog) -> None:
    def kmooc(condition: str) -> bytes:
        return csv_bytes([KMOOC_ROW | {"condition": condition}])

    for condition in ("종료", "진행중", "종료", "종료", "개강예정"):
        await catalog.loaded("kmooc", kmooc(condition))

    assert [(kind, data["version"]) for kind, data in await catalog.events()] == [
        (PUBLISHED, 2),
        (WITHDRAWN, 3),
        (PUBLISHED, 4),
    ]


async def test_work24_lists_are_imported_from_their_envelope(catalog: Catalog) -> None:
    report = await catalog.loaded("work24", json_bytes({"scn_cnt": "1", "srchList": [WORK24_ROW]}))

    assert (report["rows"], report["loaded"]) == (1, 1)
    assert (await catalog.course("work24:ABA20260000000001"))["sessions"][0]["fee"] == 115_000


async def test_past_sessions_are_kept_and_not_all_published(catalog: Catalog, clock: Clock) -> None:
    old = [
        {"session_no": str(n), "starts_on": f"20{n + 10}-01-05", "ends_on": f"20{n + 10}-01-06"} for n in range(1, 9)
    ]

    await catalog.loaded("ieum", ieum_csv(*old, {"session_no": "99"}))

    (_, event), *rest = await catalog.events()
    assert rest == []
    assert [one["session_no"] for one in event["course"]["sessions"]] == [8, 99]
    assert len((await catalog.course("ieum:A-1"))["sessions"]) == 9
