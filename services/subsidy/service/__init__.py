"""Use cases of subsidy."""

from services.subsidy.service.desk import Desk
from services.subsidy.service.quoting import (
    answer,
    identify,
    offered,
    price_lists,
    receipt,
    stored,
    support_now,
    what_if,
)

__all__ = ["Desk", "answer", "identify", "offered", "price_lists", "receipt", "stored", "support_now", "what_if"]
