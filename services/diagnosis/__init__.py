"""AX levels of companies (AX 수준 진단).

Owns assessments and their history. Consumes `interagency.company.registered.v1` and
`interagency.company.profile-changed.v1`; publishes `diagnosis.assessment.completed.v1`.
"""
