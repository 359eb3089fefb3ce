"""Which edition of the policy is quoted by on which day (정책 판의 적용), and every edition that quotes rest on."""

from datetime import date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from libs.reference.calendar import KST
from services.subsidy import store
from services.subsidy.domain import Policy, Snapshot, parse


class Activation(NamedTuple):
    """A version applies from a day on. Where it was made just now, `requote_id` is known, and `cancels` are the numbers
    of those that were still to come and now will not."""

    seq: int
    policy_version: str
    effective_on: date
    at: datetime
    requote_id: str | None = None
    cancels: tuple[int, ...] = ()


class Desk:
    """The editions, and from when each applies.

    The edition in the files (`policy`) is the base: it applies on every day for which no activation says otherwise. Of
    the activations that are effective by a day the one with the highest number applies, so a rollback is one more.

    Every transaction that prices calls `follow` first, which reads the number of the newest activation: after an
    activation is committed, no process begins to price by what it replaced. A transaction that began before the
    commit may still end with the older policy, but its list then carries the older number, and the requote looks for
    lists by that number for as long as there are any: a list never stays priced by a policy that was replaced.
    """

    def __init__(self, label: str, documents: dict[str, Any]) -> None:
        """Raises `PolicyInvalid`: a service whose policy cannot be read does not start."""
        self.documents = documents
        self.policy = parse(label, documents)
        self._editions: dict[str, Policy] = {self.policy.version: self.policy}
        self.timeline: tuple[Activation, ...] = ()
        self._kept = False

    async def follow(self, conn: AsyncConnection, last: int | None = None) -> None:
        """Takes in the activations that are committed by now; `last` is the newest one's number, if already read."""
        if last is None:
            last = await store.editions.last_activation(conn)
        if last > (self.timeline[-1].seq if self.timeline else 0):
            rows = await store.editions.history(conn)
            for version in {row["policy_version"] for row in rows}:
                await self.edition(conn, version)
            self.timeline = tuple(
                Activation(row["seq"], row["policy_version"], row["effective_on"], row["at"]) for row in rows
            )

    def in_force(self, on: date, known_at: datetime | None = None) -> Activation | None:
        """The activation that applies on the day, by what was activated at `known_at` if given; None is the base."""
        for one in reversed(self.timeline):
            if one.effective_on <= on and (known_at is None or one.at <= known_at):
                return one
        return None

    def policy_on(self, on: date, known_at: datetime | None = None) -> Policy:
        """The edition to quote by for applications on this day (KST)."""
        found = self.in_force(on, known_at)
        return self.policy if found is None else self._editions[found.policy_version]

    def before_last(self) -> Policy:
        """The edition that the last activation replaced on its first day."""
        last = self.timeline[-1]
        earlier = [one for one in self.timeline[:-1] if one.effective_on <= last.effective_on]
        return self._editions[earlier[-1].policy_version] if earlier else self.policy

    def number_on(self, on: date) -> int:
        """The number of the activation that applies on the day, 0 for the base."""
        found = self.in_force(on)
        return 0 if found is None else found.seq

    def snapshot(self, on: date, known_on: date | None = None) -> Snapshot:
        """What to quote by on a day, if `known_on` is given by what was known by the end of that day (KST).
        Raises `NoPolicyYet`."""
        known_at = None if known_on is None else datetime.combine(known_on, time.max, KST)
        return self.policy_on(on, known_at).at(on, known_on)

    @property
    def dates(self) -> tuple[date, ...]:
        """Every day on which something may change: by a date in an edition, or by an edition that begins to apply."""
        applied = [self.policy, *(self._editions[one.policy_version] for one in self.timeline)]
        days = {day for policy in applied for day in policy.dates} | {one.effective_on for one in self.timeline}
        return tuple(sorted(days))

    def quotable(self, on: date) -> bool:
        """Whether the edition of the day holds a policy for it."""
        return self.policy_on(on).dates[0] <= on

    async def keep(self, tx: Tx) -> None:
        """Stores the base with the first quote that rests on it; the other editions were stored when proposed."""
        if not self._kept:
            await store.keep_policy(tx.conn, self.policy.version, self.policy.label, self.documents, tx.now)
            tx.after_commit(self._remember)

    def _remember(self) -> None:
        self._kept = True

    async def edition(self, conn: AsyncConnection, version: str) -> Policy:
        """The edition of a stored quote, whatever the files say by now."""
        known = self._editions.get(version)
        if known is None:
            row = await store.policy(conn, version)
            assert row is not None, "a quote is stored after its policy, in one transaction"
            known = self._editions[version] = parse(row["label"], row["documents"])
        return known
