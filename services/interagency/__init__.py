"""Companies and referrals: what partner ministries send, and what became of it.

Owns: companies (기업), referrals (연계), referral batches, the collaboration matrix (협업 매트릭스), webhooks.
Publishes: company.registered, company.profile-changed, referral.received, referral.status-changed.
Consumes: assessment.completed, recommendation.updated, quote.issued.
"""
