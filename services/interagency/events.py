"""What interagency hears."""

from collections.abc import Sequence

from libs.common.consumer import Handlers
from libs.common.db import Tx
from libs.common.envelope import Received
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.matching import RecommendationUpdatedV1
from libs.contracts.subsidy import QuoteIssuedV1
from services.interagency import service


async def on_assessment_completed(tx: Tx, events: Sequence[Received[AssessmentCompletedV1]]) -> None:
    await service.assessed(tx, (event.data for event in events))


async def on_recommendation_updated(tx: Tx, events: Sequence[Received[RecommendationUpdatedV1]]) -> None:
    await service.recommended(tx, (event.data for event in events))


async def on_quote_issued(tx: Tx, events: Sequence[Received[QuoteIssuedV1]]) -> None:
    await service.priced(tx, (event.data for event in events))


HANDLERS: Handlers = {
    AssessmentCompletedV1: on_assessment_completed,
    RecommendationUpdatedV1: on_recommendation_updated,
    QuoteIssuedV1: on_quote_issued,
}
