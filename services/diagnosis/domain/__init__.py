"""Rules of the provisional AX level (AX 수준 추정), pure: profile, priors and day in, estimate out."""

from services.diagnosis.domain.estimate import Estimate, estimate
from services.diagnosis.domain.priors import LEVELS, Priors

__all__ = ["LEVELS", "Estimate", "Priors", "estimate"]
