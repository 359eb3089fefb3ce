"""What diagnosis does on events: a company seen first, or a changed profile, is assessed."""

from collections.abc import Sequence

from libs.common.consumer import Handlers
from libs.common.db import Tx
from libs.common.envelope import Received
from libs.contracts.interagency import CompanyProfileChangedV1, CompanyRegisteredV1
from services.diagnosis import service
from services.diagnosis.domain import Priors


def handlers(priors: Priors) -> Handlers:
    async def on_company_registered(tx: Tx, events: Sequence[Received[CompanyRegisteredV1]]) -> None:
        await service.assess(tx, [event.data for event in events], priors)

    async def on_company_profile_changed(tx: Tx, events: Sequence[Received[CompanyProfileChangedV1]]) -> None:
        await service.assess(tx, [event.data for event in events], priors)

    return {CompanyRegisteredV1: on_company_registered, CompanyProfileChangedV1: on_company_profile_changed}
