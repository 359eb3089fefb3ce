"""Which service owns which path."""

OWNERS = {
    "referrals": "interagency",
    "referral-batches": "interagency",
    "companies": "interagency",
    "programmes": "interagency",
    "webhook": "interagency",
    "courses": "catalog",
    "course-imports": "catalog",
    "assessments": "diagnosis",
    "recommendations": "matching",
    "quotes": "subsidy",
    "policies": "subsidy",
    "training-programmes": "subsidy",
    "reservations": "subsidy",
    "quotas": "subsidy",
    "policy-versions": "subsidy",
    "requotes": "subsidy",
}
"""First part of a path under /v1 → service."""

SERVICES = ("interagency", "diagnosis", "matching", "subsidy", "catalog")
"""Services with events and a database, in the order of the flow."""

OPEN = {"oauth2": "issuer", ".well-known": "issuer", "console": "console"}
"""First part of a path that needs no access token → service."""


def owner(path: str) -> tuple[str | None, bool]:
    """The service for a path, and whether the caller must carry a token."""
    parts = path.split("/", 3)
    first = parts[1] if len(parts) > 1 else ""
    second = parts[2] if len(parts) > 2 else ""
    if first == "v1":
        return OWNERS.get(second), True
    if first == "ops":
        return (second if second in SERVICES else None), True
    return OPEN.get(first), False
