"""Dates of law are Korean dates."""

from datetime import date, datetime, timedelta, timezone

KST = timezone(timedelta(hours=9), "KST")


def korean_day(now: datetime) -> date:
    """The day it is in Korea at this instant."""
    return now.astimezone(KST).date()
