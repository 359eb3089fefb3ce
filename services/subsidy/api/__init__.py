"""HTTP side of subsidy."""

from services.subsidy.api.policies import router as policies
from services.subsidy.api.programmes import router as programmes
from services.subsidy.api.quotes import router as quotes
from services.subsidy.api.reservations import router as reservations

__all__ = ["policies", "programmes", "quotes", "reservations"]
