"""All courses and companies in memory, so that one company's list costs a fraction of a millisecond, and one
course finds the companies it concerns without asking each.

Courses stand in cells of one level, field and mode; a company looks into cells in the order of the best points
they can hold, and stops when no further cell can better its list. Companies stand in columns of points beside the
key of the last course on their list (`floor`): a course concerns exactly those whose list holds it or whose
floor it beats. 100,000 companies and 70,000 courses take a few hundred megabytes; no matrix of both is built.
"""

from services.matching.engine.engine import Engine, Found

__all__ = ["Engine", "Found"]
