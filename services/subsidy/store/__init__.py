"""Tables and queries of subsidy, one module per thing that is kept."""

from libs.common.tables import kit_tables
from services.subsidy.store import editions, ledger, requotes, workbench
from services.subsidy.store.base import metadata
from services.subsidy.store.editions import keep_policy, policies, policy
from services.subsidy.store.quotes import counts, keep_answer, lists, priced, quote, quotes, write

kit_tables(metadata)

__all__ = [
    "counts",
    "editions",
    "keep_answer",
    "keep_policy",
    "ledger",
    "lists",
    "metadata",
    "policies",
    "policy",
    "priced",
    "quote",
    "quotes",
    "requotes",
    "workbench",
    "write",
]
