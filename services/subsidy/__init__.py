"""What training costs whom (지원금): policy as dated data, quotes with receipts, reservations against quotas.

Owns policy versions, quotes, reservations and their ledger. Consumes `matching.recommendation.updated.v1`; publishes
`subsidy.quote.issued.v1`, `subsidy.reservation.changed.v1` and `subsidy.policy.activated.v1`.
"""
