"""The rules of subsidies (지원금): facts and policy in, won and receipt out."""

from services.subsidy.domain.facts import (
    Facts,
    Learner,
    Place,
    Yearly,
    from_json,
    moved,
    place,
    size_of,
    to_json,
)
from services.subsidy.domain.parsing import PolicyInvalid, parse
from services.subsidy.domain.policy import Dated, NoPolicyYet, Parameter, Policy, PolicyError, Snapshot
from services.subsidy.domain.pricing import Quote, identity, price
from services.subsidy.domain.programmes import PROGRAMMES
from services.subsidy.domain.receipt import citations, render

RULES = 1
"""Version of the formulas; a changed formula is a new function beside the old, so that stored quotes keep theirs."""
FORMULAS = {RULES: price}

__all__ = [
    "FORMULAS",
    "PROGRAMMES",
    "RULES",
    "Dated",
    "Facts",
    "Learner",
    "NoPolicyYet",
    "Parameter",
    "Place",
    "Policy",
    "PolicyError",
    "PolicyInvalid",
    "Quote",
    "Snapshot",
    "Yearly",
    "citations",
    "from_json",
    "identity",
    "moved",
    "parse",
    "place",
    "price",
    "render",
    "size_of",
    "to_json",
]
