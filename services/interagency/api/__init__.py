"""Routes of interagency."""

from services.interagency.api.batches import router as batches
from services.interagency.api.referrals import router as referrals
from services.interagency.api.webhook import router as webhook

__all__ = ["batches", "referrals", "webhook"]
