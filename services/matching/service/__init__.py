"""Use cases of matching. They take a transaction, and never commit.

**One truth, many processes.** Each worker replica is given only a share of the partitions, so a course event reaches
one replica while the companies that it concerns may be another's. What replicas share is the database:

- A transaction that changes courses, companies or lists first takes the next number of the one row in `changes`. The
  row is locked until the commit, so such transactions take turns across all processes, and every row that they write
  carries the number.
- Having its turn, a replica reads the rows above the number that it has seen and so holds everything that was ever
  committed. If nobody else was at work in between, the numbers follow one another and nothing is read.
- So the replica that consumes a course event knows all companies, whoever consumed them, and makes their new lists
  itself; the one that consumes an assessment knows all courses.

**Memory never runs ahead.** A use case changes the memory at once, since the next run of the same batch builds on it,
and notes what it touched. If the transaction is rolled back, whoever takes the next turn finds those notes and reads
the touched rows from the database again. `seen` moves at the commit only.

Quotes take no turn: they write columns of their own, and only where the list still has the version they price.

**Work in bounds.** A batch of course events is put in as a whole and the lists that it may change are made anew once,
up to `INLINE` of them in the transaction; the rest become due and are taken up batch by batch in the background. The
same `due_on` brings every list to a new day: sessions begin, and one that has begun is not recommended.

**Lists are a function of facts and day**: courses and companies at their newest versions, and the Korean date. The
order in which events came does not show in them, so a replay into an empty database gives the same lists.
"""

from services.matching.service.answers import Answers
from services.matching.service.learn import learn_assessments, learn_courses
from services.matching.service.preview import preview
from services.matching.service.quotes import learn_quotes
from services.matching.service.renew import adopt_weights, renew_due
from services.matching.service.replica import Replica

__all__ = [
    "Answers",
    "Replica",
    "adopt_weights",
    "learn_assessments",
    "learn_courses",
    "learn_quotes",
    "preview",
    "renew_due",
]
