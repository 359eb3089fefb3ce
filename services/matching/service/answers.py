"""Answers to "what is recommended to this company?", kept as bytes.

The bytes of a list are made once and kept for the next readers, at most `most` of them, the least read going first.
What changes a list signals its company; every process drops what it kept.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from libs.common.db import Database
from libs.common.problems import FieldError, Problem, invalid, not_found
from libs.common.signals import EVERYTHING
from libs.reference import CodeError, business_number
from services.matching import store

_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """A ready answer; `names` are the addresses that it was asked for by."""

    body: bytes
    etag: bytes
    names: set[str]


class Answers:
    """`get` by company id or 사업자등록번호, as the caller wrote it."""

    def __init__(self, db: Database, most: int = 50_000) -> None:
        self._db, self._most = db, most
        self._by_name: dict[str, str] = {}
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._dropped = 0

    def kept(self, name: str) -> Answer | None:
        """The answer if it is at hand: no database, nothing made."""
        company_id = self._by_name.get(name)
        if company_id is None:
            return None
        self._answers.move_to_end(company_id)
        return self._answers[company_id]

    async def load(self, name: str) -> Answer:
        """The answer from the database. Raises a 404 or 422 `Problem`."""
        dropped = self._dropped
        async with self._db.reading() as conn:
            company_id = await _company_id(conn, name)
            row = await store.answer_row(conn, company_id) if company_id else None
        if row is None:
            raise not_found("기업", "Company")
        if row["version"] is None:
            raise _not_ready(row["company_id"])
        body = orjson.dumps(document(row))
        answer = Answer(body, b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"', {name})
        # What was dropped while this was read may have been this: then it is answered, but not kept.
        if dropped == self._dropped:
            self._keep(row["company_id"], answer)
        return answer

    def drop(self, company_id: str) -> None:
        """Forgets a company's answer, or every answer."""
        self._dropped += 1
        if company_id == EVERYTHING:
            self._answers.clear()
            self._by_name.clear()
        elif (answer := self._answers.pop(company_id, None)) is not None:
            self._forget(answer)

    def _keep(self, company_id: str, answer: Answer) -> None:
        if (before := self._answers.get(company_id)) is not None:
            answer.names.update(before.names)
        self._answers[company_id] = answer
        self._answers.move_to_end(company_id)
        self._by_name.update(dict.fromkeys(answer.names, company_id))
        if len(self._answers) > self._most:
            self._forget(self._answers.popitem(last=False)[1])

    def _forget(self, answer: Answer) -> None:
        for name in answer.names:
            self._by_name.pop(name, None)


async def _company_id(conn: Any, name: str) -> str | None:
    """A number of ten digits, with or without hyphens, is a 사업자등록번호; all else a company id."""
    if len(name) > _LONGEST_ID or not name.isprintable():
        return None  # PostgreSQL refuses some of these as text; no id is like them
    digits = name.replace("-", "")
    if not digits.isascii() or not digits.isdigit() or len(name) > 14:
        return name
    try:
        number = business_number.parse(name)
    except CodeError as error:
        raise invalid([FieldError("company", error.code, error.ko, error.en, name)]) from error
    return await store.company_of(conn, number)


def _not_ready(company_id: str) -> Problem:
    return Problem(
        404,
        "recommendation-not-ready",
        ko="등록된 기업이지만 아직 추천이 없습니다. AX 수준 진단이 끝나면 바로 만들어집니다.",
        en="The company is known, but there is no recommendation yet; it is made once its AX level is assessed.",
        company_id=company_id,
    )


def document(row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of one list: courses with reasons and, once quoted, what each costs the company."""
    quote = row["quote"] if row["version"] == row["quote_version"] else None
    prices = {(price["course_id"], price["session_no"]): price for price in (quote or {}).get("prices", ())}
    return {
        "company_id": row["company_id"],
        "business_number": row["business_number"],
        "level": row["level"],
        "version": row["version"],
        "status": "empty" if not row["offers"] else "pricing" if quote is None else "priced",
        "as_of": row["made_at"],
        "priced_on": quote and quote["applied_on"],
        "policy_version": quote and quote["policy_version"],
        "courses": [
            {**offer, "price": _price(prices.get((offer["course_id"], offer["session_no"])))} for offer in row["offers"]
        ],
    }


def _price(price: Mapping[str, Any] | None) -> dict[str, Any]:
    """What one person's place costs; `status` is pricing until the quote is there, then how it went."""
    if price is None:
        return {"status": "pricing"}
    rest = {name: value for name, value in price.items() if name not in ("course_id", "session_no", "outcome")}
    return {"status": price["outcome"], **rest}
