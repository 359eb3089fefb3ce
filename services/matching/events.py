"""What matching listens to."""

from collections.abc import Sequence

from libs.common.consumer import Handlers
from libs.common.db import Tx
from libs.common.envelope import Received
from libs.contracts.catalog import CoursePublishedV1, CourseWithdrawnV1
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.subsidy import QuoteIssuedV1
from services.matching import service

Courses = Sequence[Received[CoursePublishedV1]] | Sequence[Received[CourseWithdrawnV1]]


def handlers(replica: service.Replica) -> Handlers:
    """The handlers that work with this process's memory."""

    async def on_courses(tx: Tx, events: Courses) -> None:
        await service.learn_courses(tx, replica, [received.data for received in events])

    async def on_assessment_completed(tx: Tx, events: Sequence[Received[AssessmentCompletedV1]]) -> None:
        await service.learn_assessments(tx, replica, [received.data for received in events])

    async def on_quote_issued(tx: Tx, events: Sequence[Received[QuoteIssuedV1]]) -> None:
        await service.learn_quotes(tx, replica, [received.data for received in events])

    return {
        CoursePublishedV1: on_courses,
        CourseWithdrawnV1: on_courses,
        AssessmentCompletedV1: on_assessment_completed,
        QuoteIssuedV1: on_quote_issued,
    }
