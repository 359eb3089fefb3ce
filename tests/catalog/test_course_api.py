"""Single courses over HTTP: publishing, searching, withdrawing."""

from typing import Any

import pytest

from services.catalog.app import create_app
from tests.catalog.conftest import Catalog, ieum_csv
from tests.conftest import ClientFor

BODY: dict[str, Any] = {
    "course_id": "B-1",
    "programme": "P10",
    "title": "AI 품질검사 실무",
    "provider": "견본폴리텍",
    "mode": "onsite",
    "hours": 24,
    "unit_price": 9000,
    "region": "11110",
    "target_ksic": ["25", "29"],
    "sessions": [{"session_no": 1, "starts_on": "2026-12-07", "ends_on": "2026-12-09", "capacity": 20, "fee": 648000}],
}


async def post(catalog: Catalog, body: object, key: str = "", **query: Any) -> Any:
    headers = {"Idempotency-Key": key or catalog.keys()}
    return await catalog.client.post("/v1/courses", json=body, headers=headers, params=query)


async def test_a_course_is_published_with_what_it_states_and_what_its_title_says(catalog: Catalog) -> None:
    answer = await post(catalog, BODY)

    assert answer.status_code == 201
    course = answer.json()
    assert (course["course_id"], course["version"], course["status"]) == ("ieum:B-1", 1, "offered")
    assert (course["ai"], course["level"], course["field"]) == (True, "intermediate", "production")
    assert course["target_ksic"] == ["25", "29"]
    assert course == await catalog.course("ieum:B-1")
    ((kind, event),) = await catalog.events()
    assert (kind, event["course"]["title"]) == ("catalog.course.published.v1", "AI 품질검사 실무")


async def test_publishing_again_changes_the_version_only_if_something_changed(catalog: Catalog) -> None:
    await post(catalog, BODY)

    same = await post(catalog, BODY)
    dearer = await post(catalog, BODY | {"unit_price": 9500})

    assert (same.status_code, same.json()["version"]) == (200, 1)
    assert (dearer.status_code, dearer.json()["version"]) == (200, 2)
    assert len(await catalog.events()) == 2


async def test_a_repeated_key_publishes_once(catalog: Catalog) -> None:
    first = await post(catalog, BODY, key="k")
    again = await post(catalog, BODY, key="k")
    other = await post(catalog, BODY | {"hours": 8}, key="k")

    assert (again.status_code, again.json()) == (201, first.json())
    assert other.status_code == 422
    assert (await catalog.client.post("/v1/courses", json=BODY)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"programme": "P77"}, "programme", "programme-unknown"),
        ({"title": " "}, "title", "missing"),
        ({"hours": -1}, "hours", "negative"),
        ({"hours": "x"}, "hours", "int_parsing"),
        ({"mode": "수영"}, "mode", "literal_error"),
        ({"surprise": 1}, "surprise", "extra_forbidden"),
        ({"target_ksic": ["A"]}, "target_ksic", "bad-ksic"),
        ({"region": "99999"}, "region", None),
        ({"sessions": [{"session_no": 1}, {"session_no": 2, "fee": -5}]}, "sessions.1.fee", "negative"),
        ({"sessions": [{"session_no": 1}, {"session_no": 1}]}, "sessions.1.session_no", "duplicate"),
        ({"title": "과정\u0000"}, None, None),
    ],
)
async def test_a_bad_course_is_answered_with_its_field(
    catalog: Catalog, changes: dict[str, Any], field: str | None, code: str | None
) -> None:
    answer = await post(catalog, BODY | changes)

    if field is None:
        assert answer.json()["title"] == "과정"
        return
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert code in (None, error["code"])
    assert error["ko"]
    assert error["en"]


async def test_a_withdrawn_course_stays_withdrawn_until_it_is_reopened(catalog: Catalog) -> None:
    data = ieum_csv({}, {"session_no": "2"})
    await catalog.loaded("ieum", data)
    url = "/v1/courses/ieum:A-1/withdraw"

    gone = await catalog.client.post(url, json={"reason": "강사 사정"})
    again = await catalog.client.post(url, json={"reason": "다른 사유"})
    imported = await catalog.loaded("ieum", data)
    posted = await post(catalog, BODY | {"course_id": "A-1"})
    reopened = await catalog.loaded("ieum", data, reopen=True)

    assert (gone.json()["status"], gone.json()["reason"], gone.json()["version"]) == ("withdrawn", "강사 사정", 2)
    assert again.json() == gone.json()
    assert (imported["refused"], imported["lists"]["refused"][0]["code"]) == (2, "withdrawn")
    assert (posted.status_code, posted.json()["type"]) == (409, "urn:ieum:problem:course-withdrawn")
    assert (reopened["updated"], reopened["unchanged"]) == (1, 1)
    course = await catalog.course("ieum:A-1")
    assert (course["status"], course["reason"], course["version"]) == ("offered", None, 3)
    assert [(kind.split(".")[2], data["version"]) for kind, data in await catalog.events()] == [
        ("published", 1),
        ("withdrawn", 2),
        ("published", 3),
    ]
    assert (await catalog.events())[1][1]["reason"] == "강사 사정"


async def test_a_withdrawal_needs_a_course_and_a_reason(catalog: Catalog) -> None:
    await catalog.loaded("ieum", ieum_csv({}))

    missing = await catalog.client.post("/v1/courses/ieum:nothing/withdraw", json={"reason": "없음"})
    blank = await catalog.client.post("/v1/courses/ieum:A-1/withdraw", json={"reason": " \u0000 "})
    absent = await catalog.client.post("/v1/courses/ieum:A-1/withdraw", json={})

    assert [one.status_code for one in (missing, blank, absent)] == [404, 422, 422]
    assert len(await catalog.events()) == 1


async def search(catalog: Catalog, **query: Any) -> dict[str, Any]:
    answer = await catalog.client.get("/v1/courses", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_courses_are_found_by_every_filter(catalog: Catalog) -> None:
    await catalog.loaded(
        "ieum",
        ieum_csv(
            {"course_id": "A-1", "title": "AI 100% 활용"},
            {
                "course_id": "A-2",
                "programme": "P4",
                "level": "고급",
                "region": "26110",
                "ai": "N",
                "title": "파이썬 100선",
            },
            {"course_id": "A-3", "field": "인사·총무", "mode": "원격", "provider": "Seoul Academy"},
        ),
    )

    async def ids(**query: Any) -> list[str]:
        return [one["source_id"] for one in (await search(catalog, **query))["items"]]

    assert await ids() == ["A-1", "A-2", "A-3"]
    assert await ids(programme="P4") == ["A-2"]
    assert await ids(level="advanced") == ["A-2"]
    assert await ids(field="hr") == ["A-3"]
    assert await ids(mode="remote") == ["A-3"]
    assert await ids(ai=False) == ["A-2"]
    assert await ids(region="26") == ["A-2"]
    assert await ids(q="seoul 활용") == ["A-3"]
    assert await ids(q="100%") == ["A-1"]
    assert await ids(q="'; DROP TABLE courses") == []
    assert await ids(source="kdt") == []


async def test_pages_follow_one_another_and_then_later_changes(catalog: Catalog) -> None:
    await catalog.loaded("ieum", ieum_csv(*({"course_id": f"A-{number}"} for number in range(5))))

    first = await search(catalog, limit=2)
    second = await search(catalog, limit=2, after=first["next"])
    third = await search(catalog, limit=2, after=second["next"])
    quiet = await search(catalog, limit=2, after=third["next"])
    await catalog.loaded("ieum", ieum_csv({"course_id": "A-1", "fee": "1"}))
    later = await search(catalog, after=quiet["next"])

    seen = [one["source_id"] for page in (first, second, third) for one in page["items"]]
    assert seen == ["A-0", "A-1", "A-2", "A-3", "A-4"]
    assert [page["more"] for page in (first, second, third, quiet)] == [True, True, False, False]
    assert quiet["items"] == []
    assert [one["source_id"] for one in later["items"]] == ["A-1"]


async def test_withdrawn_courses_are_listed_when_they_are_asked_for(catalog: Catalog) -> None:
    await catalog.loaded("ieum", ieum_csv({}))
    await catalog.client.post("/v1/courses/ieum:A-1/withdraw", json={"reason": "철회"})

    assert (await search(catalog))["items"] == []
    assert [one["reason"] for one in (await search(catalog, status="withdrawn"))["items"]] == ["철회"]


@pytest.mark.parametrize(
    "query",
    [
        "after=oops",
        "after=-1~x",
        "limit=0",
        "limit=1000",
        "level=genius",
        "ai=maybe",
        "region=서울",
        "nonsense=1",
        "q=%00",
        "field=%00",
    ],
)
async def test_a_bad_question_is_answered_with_422(catalog: Catalog, query: str) -> None:
    answer = await catalog.client.get(f"/v1/courses?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_reading_needs_its_scope(catalog: Catalog, client_for: ClientFor) -> None:
    app = create_app(catalog.kit)

    assert (await client_for(app).get("/v1/courses")).status_code == 401
    assert (await client_for(app, "quotes:read").get("/v1/courses/ieum:A-1")).status_code == 403
    assert (await catalog.client.get("/v1/courses/ieum:A-1")).status_code == 404
