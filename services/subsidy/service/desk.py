"""The policy that is quoted by, and the older editions that stored quotes rest on."""

from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from services.subsidy import store
from services.subsidy.domain import Policy, parse


class Desk:
    """The policy that is quoted by, and the older editions that stored quotes rest on."""

    def __init__(self, label: str, documents: dict[str, Any]) -> None:
        """Raises `PolicyInvalid`: a service whose policy cannot be read does not start."""
        self.documents = documents
        self.policy = parse(label, documents)
        self._editions: dict[str, Policy] = {self.policy.version: self.policy}
        self._kept = False

    def quotable(self, on: date) -> bool:
        """Whether this edition holds a policy for the day."""
        return self.policy.dates[0] <= on

    async def keep(self, tx: Tx) -> None:
        """Stores the edition with the first quote that rests on it."""
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
