"""Course sources, one small module each. Adding one is adding a module and naming it here."""

from services.catalog.sources import ieum, kdt, kmooc, work24
from services.catalog.sources.base import Source

SOURCES: dict[str, Source] = {source.name: source for source in (kdt.SOURCE, kmooc.SOURCE, work24.SOURCE, ieum.SOURCE)}

__all__ = ["SOURCES", "Source"]
