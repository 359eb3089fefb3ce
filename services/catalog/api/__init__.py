"""Routes of the catalog."""

from services.catalog.api.courses import router
from services.catalog.api.imports import router as imports

__all__ = ["imports", "router"]
