"""A matching database that holds a priced recommendation, made by the system itself."""

import asyncio
import tempfile
from pathlib import Path

from services.__main__ import System
from tests.system import script
from tests.system.test_flow import COMPANY


def matching(url: str) -> tuple[str, str]:
    """Fills the database at `url`; gives it and the company to ask for."""
    asyncio.run(_fill(url))
    return url, str(COMPANY["business_number"]).replace("-", "")


async def _fill(url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="ieum-bench-") as folder:
        here = Path(folder)
        system = System(
            here, url_of=lambda name: url if name == "matching" else f"sqlite+aiosqlite:///{here / name}.db"
        )
        async with system.running():
            callers = script.Callers(system)
            await script.load_courses(callers)
            await callers.call("msit", "POST", "/v1/referrals", json=COMPANY)
            await script.settled(callers)
            await callers.close()
