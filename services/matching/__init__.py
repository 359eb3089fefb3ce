"""Matching (추천): which courses suit which company, and why; with prices once they are known.

Owns: recommendations. Publishes: RecommendationUpdatedV1. Consumes: companies, assessments, courses, quotes.
"""
