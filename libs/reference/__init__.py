"""Reference codes (regions, KSIC, NCS, business numbers, size classes): pure, loaded once, no I/O after import."""

from libs.reference.errors import Candidate, CodeError

__all__ = ["Candidate", "CodeError"]
