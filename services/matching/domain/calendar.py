"""The Korean calendar day of an instant."""

from datetime import date, datetime, timedelta, timezone

KST = timezone(timedelta(hours=9))
"""Korea has one time zone and no summer time."""


def korean_day(now: datetime) -> date:
    return now.astimezone(KST).date()
