"""What subsidy does on events: a list of recommended courses is priced."""

from collections.abc import Sequence

from libs.common.consumer import Handlers
from libs.common.db import Tx
from libs.common.envelope import Received
from libs.contracts.matching import RecommendationUpdatedV1
from services.subsidy import service


def handlers(desk: service.Desk) -> Handlers:
    async def on_recommendation_updated(tx: Tx, events: Sequence[Received[RecommendationUpdatedV1]]) -> None:
        await service.price_lists(tx, desk, [event.data for event in events])

    return {RecommendationUpdatedV1: on_recommendation_updated}
