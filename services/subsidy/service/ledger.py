"""Reserve, confirm, settle, release, claw back: places and money of a programme's year, never more than granted.

Whoever changes a programme's year first locks its quotas, so all of this happens one after another per programme and
year; whoever needs several locks them in their order. A programme in another's budget line (P10 in that of P9) draws on
the line's won beside its own, and both are locked together. The waiting list is strict: nobody is overtaken, not even
by a request that would fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from libs.common.problems import Problem, not_found
from libs.contracts.subsidy import ReservationChangedV1
from services.subsidy.domain.ledger import HOLDING, MEASURES, SHARED, Amounts, Held, NoSuchStep, after, settled, short
from services.subsidy.loading import register
from services.subsidy.store import ledger as store

DAYS = 14
"""Days until an unconfirmed reservation expires, where the request does not say."""
CUT = 10
"""Won below this are not paid (국고금 관리법 제47조)."""
NOTHING = Amounts(0, 0, 0)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """What is to be reserved: a stored quote for a company or a learner (pseudonym)."""

    quote_id: str
    company_id: str | None
    learner: str | None
    programme: str
    year: int
    people: int
    won: int
    days: int = DAYS
    wait: bool = False


class Move(NamedTuple):
    """One step of a reservation; `amount` is the completers or the won that it is about."""

    step: str
    status: str
    actor: str
    reason: str | None = None
    amount: int | None = None


@dataclass(frozen=True)
class Year:
    """A programme's year while its quotas are locked; `locked` are those of all that share its budget, by programme
    and measure."""

    programme: str
    year: int
    locked: Mapping[tuple[str, str], str]

    @property
    def quotas(self) -> dict[str, str]:
        """Measure → the quota that the programme draws on."""
        own = {measure: quota_id for (name, measure), quota_id in self.locked.items() if name == self.programme}
        line = register().budget_of(self.programme)
        shared = self.locked.get((line, "won")) if line != self.programme else None
        return own | ({SHARED: shared} if shared else {})

    @property
    def sharing(self) -> list["Year"]:
        """The years of all programmes that share its budget, its own among them."""
        return [replace(self, programme=name) for name in register().sharing(self.programme)]


async def grant(
    tx: Tx, programme: str, year: int, measure: str, amount: int, reason: str, actor: str
) -> None:  # fmt: skip
    """Sets what a quota grants; waiting requests that fit now are reserved. Raises `Problem` below what is taken.

    Reservations made before the quota was set are lines of its ledger, too.
    """
    there = await _lock(tx, programme, year)
    before: Sequence[Row] = ()
    if measure not in there.quotas:
        quota = {"quota_id": f"{programme}:{year}:{measure}", "programme": programme, "year": year, "measure": measure}
        is_new = await store.add_quota(tx.conn, quota)
        there = await _lock(tx, programme, year)
        if is_new:
            is_line = measure == "won" and register().budget_of(programme) == programme
            draw = register().sharing(programme) if is_line else (programme,)
            before = await store.holding(tx.conn, draw, year, measure)
    held = (await _held(tx, there))[measure]
    held = held._replace(taken=held.taken + sum(row["held"] for row in before))
    if amount < held.taken:
        raise Problem(
            409,
            "quota-below-taken",
            ko=f"이미 {held.taken:,}이(가) 쓰여 {amount:,}(으)로 줄일 수 없습니다.",
            en=f"{held.taken:,} are taken already; the quota cannot be lowered to {amount:,}.",
            quota_id=there.quotas[measure],
            granted=held.granted,
            taken=held.taken,
        )
    if amount != held.granted:
        change = {measure: amount - held.granted}
        await _write(tx, there, Move("grant", "", actor, reason), {}, None, granted=change)
    if before:
        await _carry_over(tx, there.quotas[measure], before, Move("carry-over", "", actor, reason))
    await _promote(tx, there, actor)


async def reserve(tx: Tx, wish: Wish, actor: str) -> Row:
    """Takes the places and the money, or waits. Raises `Problem` where there is no quota or nothing is left."""
    there = await _lock(tx, wish.programme, wish.year)
    if not there.quotas:
        raise Problem(
            422,
            "quota-unset",
            ko=f"{wish.programme} 사업의 {wish.year}년 정원과 예산이 정해지지 않았습니다. "
            "사업을 맡은 기관이 정해야 합니다(PUT /v1/quotas).",
            en=f"No quota is set for {wish.programme} in {wish.year}: "
            "the agency in charge must set it (PUT /v1/quotas).",
        )
    row = {
        "reservation_id": tx.new_id(),
        "quote_id": wish.quote_id,
        "company_id": wish.company_id,
        "learner": wish.learner,
        "programme": wish.programme,
        "year": wish.year,
        "status": "waiting",
        "firms": 0,
        "people": 0,
        "won": 0,
        "asked_people": wish.people,
        "asked_won": wish.won,
        "days": wish.days,
        "expires_at": None,
        "version": 0,
        "client": actor,
        "made_at": tx.now,
        "changed_at": tx.now,
    }
    wanted, held = await _wanted(tx, row), await _held(tx, there)
    lacking = short(wanted, held)
    queue = await _would_overtake(tx, there)
    if (lacking or queue) and not wish.wait:
        raise _exhausted(lacking, wanted, held, queue)
    await store.add_reservation(tx.conn, row)
    if lacking or queue:
        await _step(tx, row, Move("ask", "waiting", actor), {})
    else:
        await _take(tx, there, row, wanted, "reserve", actor)
    return await _again(tx, row)


async def confirm(tx: Tx, reservation_id: str, actor: str, reason: str | None = None) -> Row:
    """The training begins (훈련 개시): the reservation no longer expires."""
    row, _ = await _locked(tx, reservation_id)
    if row["status"] == "reserved" and row["expires_at"] <= tx.now:
        row = {**row, "status": "expired"}  # whoever is late is late, also before the next look for what is due
    if row["status"] != "confirmed":
        await _step(tx, row, Move("confirm", _after(row, "confirm"), actor, reason), {"expires_at": None})
    return await _again(tx, row)


async def settle(tx: Tx, reservation_id: str, completed: int, actor: str, reason: str | None = None) -> Row:
    """Pays for those who completed (정산); what was held for the others goes back."""
    row, there = await _locked(tx, reservation_id)
    if row["status"] == "settled" and row["people"] == completed:
        return row
    status = _after(row, "settle")
    try:
        kept = settled(Amounts(row["firms"], row["people"], row["won"]), completed, CUT)
    except ValueError as error:
        raise Problem(
            422,
            "completers-out-of-range",
            ko=f"수료 인원 {completed:,}명은 예약 인원 {row['people']:,}명 안이어야 합니다.",
            en=f"{completed:,} completers; must lie within the {row['people']:,} people reserved.",
        ) from error
    await _give_back(tx, there, row, Move("settle", status, actor, reason, completed), kept)
    return await _again(tx, row)


async def release(tx: Tx, reservation_id: str, reason: str, actor: str) -> Row:
    """Gives everything back (취소)."""
    row, there = await _locked(tx, reservation_id)
    if row["status"] != "released":
        await _give_back(tx, there, row, Move("release", _after(row, "release"), actor, reason), NOTHING)
    return await _again(tx, row)


async def claw_back(tx: Tx, reservation_id: str, won: int, reason: str, actor: str) -> Row:
    """Takes paid money back (환수), in whole or in part; people and firm keep their places."""
    row, there = await _locked(tx, reservation_id)
    status = _after(row, "claw-back")
    if not 0 < won <= row["won"]:
        raise Problem(
            422,
            "claw-back-out-of-range",
            ko=f"환수 금액 {won:,}원은 지급한 {row['won']:,}원 안이어야 합니다.",
            en=f"{won:,} won; must lie within the {row['won']:,} won that were paid.",
        )
    kept = Amounts(row["firms"], row["people"], row["won"] - won)
    status = status if kept.won else "clawed-back"
    await _give_back(tx, there, row, Move("claw-back", status, actor, reason, won), kept)
    return await _again(tx, row)


async def expire_overdue(tx: Tx, actor: str = "system") -> int:
    """Reservations that nobody confirmed in time go, and those who wait move up."""
    gone = 0
    due = await store.due_programmes(tx.conn, tx.now)
    for programme, year in sorted(due, key=lambda one: (register().sharing(one[0]), one[1], one[0])):
        gone += await _expire(tx, await _lock(tx, programme, year), actor)
    return gone


async def _lock(tx: Tx, programme: str, year: int) -> Year:
    return Year(programme, year, await store.lock_quotas(tx.conn, register().sharing(programme), year))


async def _locked(tx: Tx, reservation_id: str) -> tuple[Row, Year]:
    """The reservation as it is once its programme's year is locked."""
    row = await store.reservation(tx.conn, reservation_id)
    if row is None:
        raise not_found("예약", "Reservation")
    there = await _lock(tx, row["programme"], row["year"])
    return await _again(tx, row), there


async def _again(tx: Tx, row: Row) -> Row:
    found = await store.reservation(tx.conn, row["reservation_id"])
    assert found is not None
    return found


def _after(row: Row, step: str) -> str:
    try:
        return after(row["status"], step)
    except NoSuchStep as error:
        possible = ", ".join(error.possible) or "없음/none"
        raise Problem(
            409,
            "step-not-possible",
            ko=f"지금 상태({error.status})에서는 {step} 을(를) 할 수 없습니다. 할 수 있는 것: {possible}",
            en=f"{step} is not possible in status {error.status}; possible: {possible}.",
            status_now=error.status,
            possible=list(error.possible),
        ) from None


def _exhausted(lacking: str | None, wanted: Amounts, held: Mapping[str, Held], queue: bool) -> Problem:
    if lacking is None:
        return Problem(
            409,
            "others-wait",
            ko="먼저 기다리는 신청이 있습니다. wait: true로 대기 신청을 할 수 있습니다.",
            en="Others wait already; ask with wait: true to join the waiting list.",
        )
    quota, asked = held[lacking], wanted.of(lacking)
    names = {"people": ("정원", "people"), "firms": ("기업 수", "firms"), "won": ("예산", "won")}
    names[SHARED] = ("다른 사업과 함께 쓰는 예산", "the budget shared with another programme")
    ko, en = names[lacking]
    return Problem(
        409,
        "quota-exhausted",
        ko=f"{ko}이(가) 모자랍니다: 필요 {asked:,}, 남음 {quota.left:,} (전체 {quota.granted:,}). "
        "wait: true로 대기 신청을 할 수 있습니다.",
        en=f"Too little is left of {en}: {asked:,} needed, {quota.left:,} left of {quota.granted:,}. "
        "With wait: true the request joins the waiting list.",
        measure=lacking,
        granted=quota.granted,
        taken=quota.taken,
        left=quota.left,
        waiting=queue,
    )


async def _wanted(tx: Tx, row: Row) -> Amounts:
    """What the reservation takes; its company's first in the programme's year takes the firm's place."""
    firm = row["company_id"] is not None and await store.other_of_company(tx.conn, row, HOLDING) is None
    return Amounts(int(firm), row["asked_people"], row["asked_won"])


async def _held(tx: Tx, there: Year) -> dict[str, Held]:
    found = await store.balances(tx.conn, list(there.quotas.values()))
    return {
        measure: Held(found[quota_id]["granted_after"], found[quota_id]["taken_after"])
        if quota_id in found
        else Held(0, 0)
        for measure, quota_id in there.quotas.items()
    }


async def _take(tx: Tx, there: Year, row: Row, wanted: Amounts, kind: str, actor: str) -> None:
    await _write(tx, there, Move(kind, "reserved", actor), wanted._asdict(), row["reservation_id"])
    changes = {**wanted._asdict(), "expires_at": tx.now + timedelta(days=row["days"])}
    await _step(tx, row, Move(kind, "reserved", actor), changes)


async def _give_back(tx: Tx, there: Year, row: Row, move: Move, kept: Amounts) -> None:
    """Leaves `kept`, gives the rest back, and lets those who wait move up. A firm's place passes to another reservation
    of the company before it goes back."""
    back = {measure: getattr(kept, measure) - row[measure] for measure in MEASURES}
    await _write(tx, there, move, back, row["reservation_id"])
    await _step(tx, row, move, {**kept._asdict(), "expires_at": None})
    if row["firms"] and not kept.firms:
        heir = await store.other_of_company(tx.conn, row, HOLDING)
        if heir is not None:
            passed = Move("firm-place", heir["status"], move.actor, move.reason)
            await _write(tx, there, passed, {"firms": 1}, heir["reservation_id"])
            await _step(tx, heir, passed, {"firms": 1})
    await _promote(tx, there, move.actor)


async def _write(
    tx: Tx,
    there: Year,
    move: Move,
    taken: Mapping[str, int],
    reservation_id: str | None,
    granted: Mapping[str, int] = {},
) -> None:
    """One line in each quota that changes."""
    last = await store.balances(tx.conn, list(there.quotas.values()))
    lines = []
    for measure, quota_id in sorted(there.quotas.items()):
        more, took = granted.get(measure, 0), taken.get("won" if measure == SHARED else measure, 0)
        if not more and not took:
            continue
        lines.append(_line(tx, quota_id, last.get(quota_id), move, reservation_id, more, took))
    await store.write_lines(tx.conn, lines)


async def _carry_over(tx: Tx, quota_id: str, holding: Iterable[Row], move: Move) -> None:
    last, lines = (await store.balances(tx.conn, [quota_id]))[quota_id], list[Row]()
    for row in holding:
        lines.append(_line(tx, quota_id, lines[-1] if lines else last, move, row["reservation_id"], 0, row["held"]))
    await store.write_lines(tx.conn, lines)


def _line(
    tx: Tx, quota_id: str, last: Row | None, move: Move, reservation_id: str | None, granted: int, taken: int
) -> Row:
    """The line of the ledger that follows from the last one."""
    number, had, held = (last["number"], last["granted_after"], last["taken_after"]) if last else (0, 0, 0)
    line = {"quota_id": quota_id, "number": number + 1, "reservation_id": reservation_id, "kind": move.step}
    line |= {"granted": granted, "taken": taken, "granted_after": had + granted, "taken_after": held + taken}
    return line | {"reason": move.reason, "actor": move.actor, "at": tx.now}


async def _step(tx: Tx, row: Row, move: Move, changes: Mapping[str, Any]) -> None:
    version = row["version"] + 1
    told = {"status": move.status, "version": version, "changed_at": tx.now}
    await store.change_reservation(tx.conn, row["reservation_id"], {**changes, **told})
    done = {"reservation_id": row["reservation_id"], "version": version, **move._asdict(), "at": tx.now}
    await store.add_step(tx.conn, done)
    tx.emit(
        ReservationChangedV1(
            reservation_id=row["reservation_id"],
            programme=row["programme"],
            status=move.status,
            version=version,
            changed_at=tx.now,
        )
    )


async def _expire(tx: Tx, there: Year, actor: str) -> int:
    rows = await store.overdue(tx.conn, tx.now, there.programme, there.year)
    for row in rows:
        # Read anew: a firm's place may have passed to this one from the one before it.
        move = Move("expire", "expired", actor, "기한 안에 확정하지 않음 / not confirmed in time")
        await _give_back(tx, there, await _again(tx, row), move, NOTHING)
    return len(rows)


async def _promote(tx: Tx, there: Year, actor: str) -> None:
    """Those who wait are reserved as long as they fit, of programmes that share a budget the oldest first."""
    while True:
        for row, one in await _heads(tx, there):
            wanted = await _wanted(tx, row)
            lacking = short(wanted, await _held(tx, one))
            if lacking is None:
                await _take(tx, one, row, wanted, "promote", actor)
                break
            if _waits_for_the_line(one, lacking):
                return
        else:
            return


async def _heads(tx: Tx, there: Year) -> list[tuple[Row, Year]]:
    """The first who wait in each programme that shares the budget, the oldest first."""
    found = [(row, one) for one in there.sharing for row in await store.waiting(tx.conn, one.programme, one.year, 1)]
    return sorted(found, key=lambda head: head[0]["number"])


async def _would_overtake(tx: Tx, there: Year) -> bool:
    """Whether a new request would pass somebody: who waits in its programme, or for the money that it shares."""
    for row, one in await _heads(tx, there):
        if one == there or _waits_for_the_line(one, short(await _wanted(tx, row), await _held(tx, one))):
            return True
    return False


def _waits_for_the_line(one: Year, lacking: str | None) -> bool:
    """Whether it is the shared money that is too little, and not what the programme has for itself."""
    return lacking == SHARED or (lacking == "won" and register().budget_of(one.programme) == one.programme)


async def grant_from_register(tx: Tx, rows: Iterable[tuple[str, int, str, int, str]], actor: str) -> int:
    """Quotas that the programme register knows and nobody has set yet; gives how many were made."""
    made = 0
    for programme, year, measure, amount, citation in sorted(rows, key=lambda row: (register().sharing(row[0]), row)):
        there = await _lock(tx, programme, year)
        if measure not in there.quotas:
            await grant(tx, programme, year, measure, amount, f"사업 대장: {citation}", actor)
            made += 1
    return made


async def quota_table(conn: AsyncConnection, programme: str | None, year: int | None) -> list[dict[str, Any]]:
    """Every quota: what it grants, what is taken and left, and what each kind of step added up to."""
    found: dict[str, dict[str, Any]] = {}
    for row in await store.quota_sums(conn, programme, year):
        names = {name: row[name] for name in ("quota_id", "programme", "year", "measure")}
        quota = found.setdefault(row["quota_id"], {**names, "granted": 0, "taken": 0, "by_kind": {}})
        quota["granted"] += int(row["granted"] or 0)
        quota["taken"] += int(row["taken"] or 0)
        if row["kind"] not in (None, "grant"):
            quota["by_kind"][row["kind"]] = int(row["taken"])
    return [{**quota, "left": quota["granted"] - quota["taken"]} for quota in found.values()]
