"""HTTP side of subsidy."""

from services.subsidy.api.policies import router as policies
from services.subsidy.api.programmes import router as programmes
from services.subsidy.api.quotes import router as quotes
from services.subsidy.api.reservations import router as reservations
from services.subsidy.api.workbench import requotes
from services.subsidy.api.workbench import router as policy_versions

__all__ = ["policies", "policy_versions", "programmes", "quotes", "requotes", "reservations"]
