"""HTTP side of subsidy."""

from services.subsidy.api.policies import router as policies
from services.subsidy.api.programmes import router as programmes
from services.subsidy.api.quotes import router as quotes

__all__ = ["policies", "programmes", "quotes"]
