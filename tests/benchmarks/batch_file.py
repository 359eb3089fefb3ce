"""A ministry's file of 100,000 companies to stored referrals, against the barest way to store the same rows.

The yardstick reads with csv.reader, validates each row with pydantic core, and copies the same rows
(same columns, primary key, one company per programme) in binary form: no look-ups, no crosswalk, no
duplicates, no report, no change numbers.
"""

import asyncio
import csv
import io
import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Annotated

import asyncpg
import uvloop
from pydantic import BaseModel, Field
from sqlalchemy import text

from libs.common import migrate
from libs.common.crypto import new_keyring
from libs.common.db import Database
from libs.common.idempotency import fingerprint
from libs.common.kit import Kit, tune_gc
from libs.common.settings import Settings
from libs.reference import business_number, regions
from services.interagency import service, store
from services.interagency.api.batches import account, read_file
from services.interagency.api.referrals import reader_for
from services.interagency.matrix import load
from tests.benchmarks.table import Row, medians_in_turn, more_is_better

ROWS = 100_000
HEADER = "사업자등록번호,기업명,산업분류차수,산업분류코드,소재지코드,상시근로자수,사업명"
_KSIC = ("29271", "26112", "30399", "58222", "62010", "25922", "24311", "10749")


def make_file(path: Path) -> None:
    random = Random(7)
    today = date(2026, 11, 23)
    places = [region.code for sido in ("11", "12", "41", "48", "51") for region in regions.in_sido(sido, today)]
    programmes = ("AI 통합 바우처", "제조업 AI 융합기반 조성")
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for number in range(ROWS):
            brn = business_number.make(2_000_000 + number)
            fields = (brn, f"주식회사 이음{number}", "10", random.choice(_KSIC), random.choice(places))
            heads, programme = str(random.randint(1, 400)), random.choice(programmes)
            file.write(",".join((*fields, heads, programme)) + "\n")


async def ours(path: Path, url: str) -> float:
    settings = Settings(database_url=url, keyring=new_keyring("bench"))
    kit = Kit("interagency", settings)
    async with kit.db.writer.begin() as conn:
        await conn.execute(text("TRUNCATE referrals, companies, batches, outbox, idempotency"))
    data = path.read_bytes()
    began = time.perf_counter()
    fingerprint("POST", "/v1/referral-batches", "False", data)
    reader = reader_for(load(), "MSIT", date(2026, 11, 23))
    sheet, drafts = await asyncio.to_thread(read_file, data, "text/csv", reader)
    async with kit.db.transaction() as tx:
        report, accepted = await account(tx, "MSIT", sheet, drafts, dry_run=False)
        await service.store_batch(tx, report["batch_id"], "MSIT", accepted, kit.keyring, report)
    seconds = time.perf_counter() - began
    assert report["accepted"] == ROWS, report["accepted"]
    async with kit.db.reading() as conn:
        assert len(await store.unregistered(conn, 10)) == 10
    await kit.db.close()
    return ROWS / seconds


class BareRow(BaseModel):
    """The same columns, the plainest checks."""

    business_number: Annotated[str, Field(pattern=r"^\d{10}$")]
    company_name: Annotated[str, Field(min_length=1, max_length=200)]
    ksic_version: Annotated[str, Field(pattern=r"^1[01]$")]
    ksic_code: Annotated[str, Field(pattern=r"^\d{5}$")]
    region_code: Annotated[str, Field(pattern=r"^\d{5}$")]
    headcount: int
    programme: str


async def bare(path: Path, url: str) -> float:
    conn = await asyncpg.connect(url.replace("+asyncpg", ""))
    await conn.execute(
        "DROP TABLE IF EXISTS bare_referrals;"
        " CREATE TABLE bare_referrals (LIKE referrals INCLUDING DEFAULTS);"
        " ALTER TABLE bare_referrals ADD PRIMARY KEY (referral_id);"
        " ALTER TABLE bare_referrals ADD UNIQUE (business_number, agency, programme)"
    )
    data = path.read_bytes()
    began = time.perf_counter()
    reader = csv.reader(io.StringIO(data.decode()))
    names = list(BareRow.model_fields)
    next(reader)
    validate = BareRow.__pydantic_validator__.validate_python
    now = datetime.now(UTC)
    records = []
    for number, row in enumerate(reader):
        v = validate(dict(zip(names, row, strict=True)))
        records.append(
            (f"b.{number}", "MSIT", v.programme, v.business_number, None, "b", number, v.company_name, v.headcount,
             "priority", v.ksic_version, v.ksic_code, v.region_code, v.region_code, None, None, None, None, None,
             "received", 1, number, now, now)
        )  # fmt: skip
    await conn.copy_records_to_table("bare_referrals", records=records)
    seconds = time.perf_counter() - began
    await conn.close()
    return ROWS / seconds


async def prepare(url: str) -> None:
    db = Database(url)
    await migrate.upgrade(db, "interagency")
    await db.close()


def run(work: Path, url: str, rounds: int = 5) -> list[Row]:
    path = work / "batch.csv"
    make_file(path)
    asyncio.run(prepare(url))

    def measure(which: str) -> float:
        command = [sys.executable, "-m", "tests.benchmarks.batch_file", which, str(path), url]
        return float(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))

    mine, yardstick = medians_in_turn(lambda: measure("ours"), lambda: measure("bare"), rounds)
    return [more_is_better("batch file to stored referrals", mine, yardstick, 0.5, "rows/s", f"({ROWS:,} rows)")]


if __name__ == "__main__":
    which, file, url = sys.argv[1:4]
    tune_gc()
    print(json.dumps(uvloop.run(ours(Path(file), url) if which == "ours" else bare(Path(file), url))))
