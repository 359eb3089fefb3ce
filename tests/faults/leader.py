"""A process that leads the relay of one database until it is killed: `python -m tests.faults.leader URL`."""

import asyncio
import sys

from libs.common.db import Database
from libs.common.relay import leadership


async def main(url: str) -> None:
    async with leadership(Database(url), asyncio.Event()):
        sys.stdout.write("leads\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
