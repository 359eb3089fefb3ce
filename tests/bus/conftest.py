"""The two buses, a fresh topic, members in this process and processes that can be killed."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from libs.common.bus import Bus, Delivery, Handle
from tests.bus.worker import open_short

PATIENCE = 60.0


async def until(condition: Callable[[], bool]) -> None:
    """Waits for the condition; a test that waits for nothing fails instead of hanging."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


async def create_topic(servers: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic, 6, 1)])
        assert [code for _, code, *_ in answer.topic_errors] == [0], answer
    finally:
        await admin.close()


class Place:
    """One bus, which several `Bus` objects and processes may use at once, and one fresh topic on it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.topic = f"t-{uuid.uuid4().hex[:12]}"
        self.group = f"g-{uuid.uuid4().hex[:12]}"
        self.notes = folder / "notes"
        self._buses: list[Bus] = []
        self._processes: list[asyncio.subprocess.Process] = []

    def bus(self) -> Bus:
        made = open_short(self.url)
        self._buses.append(made)
        return made

    async def process(self, *arguments: str) -> asyncio.subprocess.Process:
        root = Path(__file__).resolve().parents[2]
        made = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bus.worker", *arguments, cwd=root)
        self._processes.append(made)
        return made

    async def publisher(self, first: int = 0) -> asyncio.subprocess.Process:
        return await self.process("publish", self.url, self.topic, str(self.notes), str(first))

    async def member(self, name: str, die_at: int = -1) -> asyncio.subprocess.Process:
        return await self.process("consume", self.url, self.topic, str(self.notes), self.group, name, str(die_at))

    async def close(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        for bus in self._buses:
            await bus.close()


@pytest.fixture(params=["eventlog", pytest.param("kafka", marks=pytest.mark.kafka)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "kafka":
        servers = request.getfixturevalue("kafka")
        made = Place(f"kafka://{servers}", tmp_path)
        await create_topic(servers, made.topic)
    else:
        made = Place(f"eventlog://{tmp_path / 'events.db'}", tmp_path)
    yield made
    await made.close()


class Member:
    """A member of a group in this process, and everything that it was given, in order."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    @property
    def values(self) -> list[bytes]:
        return [delivery.message.value for delivery in self.got]

    def numbers(self, key: str) -> list[int]:
        return [int(d.message.value) for d in self.got if d.message.key == key]

    async def has(self, count: int) -> None:
        await until(lambda: len(self.got) >= count)


Check = Callable[[Sequence[Delivery]], Awaitable[None]]


@asynccontextmanager
async def member(
    bus: Bus, place: Place, check: Check | None = None, group: str | None = None, max_batch: int = 500
) -> AsyncIterator[Member]:
    """Consumes during the block, then stops cleanly. `check` runs in the handler and may raise."""
    made = Member()

    async def note(batch: Sequence[Delivery]) -> None:
        made.got.extend(batch)
        if check is not None:
            await check(batch)

    async with consuming(bus, group or place.group, place.topic, note, max_batch):
        yield made


@asynccontextmanager
async def consuming(bus: Bus, group: str, topic: str, handle: Handle, max_batch: int = 500) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.consume(group, [topic], handle, max_batch))
    try:
        yield
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError), results
