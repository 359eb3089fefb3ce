"""Matching (추천): which courses suit which company, and why; with prices once they are known.

Owns: recommendations. Publishes: RecommendationUpdatedV1. Consumes: assessments with
the facts of their companies, courses, quotes.
"""
