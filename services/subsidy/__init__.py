"""What training costs whom (지원금): policy as dated data, quotes, receipts.

Owns policy versions and quotes. Consumes `matching.recommendation.updated.v1`; publishes `subsidy.quote.issued.v1`.
"""
