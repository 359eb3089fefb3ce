"""Prices: one quote with its receipt, a whole population, and the same three rules in two rule engines.

No network and no database, all in this process. The yardstick of a quote is pydantic reading and writing the question;
that of the population is the same rules written straight in numpy (`plain_numpy`), which share nothing with ours.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from random import Random

import numpy as np
import orjson

from cli.simulate import made_up
from libs.common.kit import tune_gc
from services.subsidy.api.question import QuoteIn, errors, facts_of, plain
from services.subsidy.api.receipt import Receipt
from services.subsidy.domain import FORMULAS, RULES, identity, price, render
from services.subsidy.domain.pairs import Pairs
from services.subsidy.domain.population import price_all
from services.subsidy.loading import policy
from tests.benchmarks import peers, plain_numpy
from tests.benchmarks.table import Row, medians_in_turn, more_is_better

ON = date(2026, 11, 23)
QUESTIONS = int(os.environ.get("BENCH_QUOTES", "20000"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "1000000"))
CASES = int(os.environ.get("BENCH_CASES", "5000"))


def questions(count: int, seed: int = 1) -> list[bytes]:
    """Questions as clients send them, no two alike in numbers."""
    random, asked = Random(seed), []
    for _ in range(count):
        programme, level = random.choice((("P9", "beginner"), ("P10", "intermediate"), ("C0041T", "beginner")))
        course: dict[str, object] = {
            "programme": programme,
            "mode": random.choice(("onsite", "remote")),
            "level": level,
            "ai": True,
        }
        course |= {"hours": random.randrange(8, 200), "fee": random.randrange(50_000, 3_000_000)}
        course |= {"unit_price": random.randrange(4_000, 16_000)}
        company = {"size_class": "priority", "region_code": random.choice(("48123", "11680", "28710", "47190"))}
        question = {"company": company, "course": course, "people": random.randrange(1, 30)}
        asked.append(orjson.dumps(question | {"applied_on": ON.isoformat()}))
    return asked


HELD = policy()


def answer(raw: bytes) -> bytes:
    """From the bytes of a question to the bytes of its receipt, as the API does it but for HTTP and the database."""
    body = QuoteIn.model_validate_json(raw)
    snapshot = HELD.at(body.applied_on, body.known_on)
    quote = FORMULAS[RULES](facts_of(body, snapshot), snapshot)
    if not plain(body, quote) and (wrong := errors(body)):
        raise ValueError(wrong)
    return render(quote, identity(quote))


def echo(raw: bytes) -> bytes:
    return QuoteIn.model_validate_json(raw).model_dump_json().encode()


def per_second(count: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def one_by_one(rounds: int) -> list[Row]:
    """Against the question echoed, and against the question read and the receipt, ready made, written."""
    asked = questions(QUESTIONS)
    ready = Receipt.model_validate_json(answer(asked[0]))

    def write(raw: bytes) -> bytes:
        QuoteIn.model_validate_json(raw)
        return ready.model_dump_json().encode()

    def speed(work: Callable[[bytes], bytes]) -> float:
        began = time.perf_counter()
        for raw in asked:
            work(raw)
        return len(asked) / (time.perf_counter() - began)

    echoed = medians_in_turn(lambda: speed(answer), lambda: speed(echo), rounds)
    written = medians_in_turn(lambda: speed(answer), lambda: speed(write), rounds)
    return [
        more_is_better("single quote with receipt, against a pydantic echo", *echoed, 0.5, "quotes/s"),
        more_is_better("the same, against pydantic writing a ready receipt", *written, 1.0, "quotes/s"),
    ]


def at_once(rounds: int) -> Row:
    pairs, snapshot = made_up(PAIRS, 1, ON), HELD.at(ON)
    found, (outcome, cost, support, self_pay) = price_all(pairs, snapshot), plain_numpy.priced(pairs)
    for mine, other in ((found.outcome, outcome), (found.cost, cost), (found.support, support)):
        assert np.array_equal(mine, other), "the yardstick computes other won"
    assert np.array_equal(found.self_pay, self_pay)
    ours, yardstick = medians_in_turn(
        lambda: per_second(len(pairs), lambda: price_all(pairs, snapshot)),
        lambda: per_second(len(pairs), lambda: plain_numpy.priced(pairs)),
        rounds,
    )
    name = f"population quotes, {len(pairs):,} pairs, against plain numpy"
    return more_is_better(name, ours, yardstick, 0.5, "pairs/s")


def engines(rounds: int) -> list[Row]:
    """M1, M3 with M4, and M5 in other engines: no yardsticks, their speed is shown beside ours."""
    snapshot = HELD.at(ON)
    cases = peers.cases(CASES, ON)
    pairs = Pairs.of(cases)
    want = [price(case, snapshot).support for case in cases]
    one_by_one = lambda: [price(case, snapshot).support for case in cases]  # noqa: E731
    together = lambda: price_all(pairs, snapshot).support.tolist()  # noqa: E731
    rows = []
    for name, how, make, ours in (
        ("zen-engine", "one by one", peers.zen, one_by_one),
        ("openfisca-core", "all at once", peers.openfisca, together),
    ):
        try:
            theirs = make(cases, ON)
        except ModuleNotFoundError:
            print(f"NOT MEASURED: {name} is missing (requirements-bench.lock)", file=sys.stderr)
            continue
        assert theirs() == ours() == want, f"{name} computes other won"
        mine, peer = medians_in_turn(
            lambda ours=ours: per_second(len(cases), ours),  # type: ignore[misc]
            lambda theirs=theirs: per_second(len(cases), theirs),  # type: ignore[misc]
            rounds,
        )
        rows.append(
            more_is_better(
                f"peer {name}, {how}: M1, M3+M4, M5", mine, peer, 0, "quotes/s", f"shown only, {version(name)}"
            )
        )
    return rows


def measured(rounds: int = 5) -> list[Row]:
    tune_gc()  # as every service does at its start
    # A quote takes microseconds, so many rounds cost little and the median stands still.
    return [*one_by_one(5 * rounds), at_once(rounds), *engines(rounds)]


def run() -> list[Row]:
    """In a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.quotes"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return [Row(**row) for row in found]


if __name__ == "__main__":
    print(json.dumps([row.__dict__ for row in measured()]))
