"""Catalog service: courses (훈련과정) and their sessions (회차).

Owns: courses with their sessions and versions, and the record of every import.
Publishes: `CoursePublishedV1` (a whole course), `CourseWithdrawnV1`. Consumes nothing.
"""
