"""The rules of the made-up population written straight in numpy: no policy files, no kinds, nothing shared.

The figures are those in force on 2026-11-23; multiples and rates are whole hundredths. It knows the programmes of
`cli.simulate.COURSE_SHARES` and no others, people who are no learners, and numbers that fit 64 bits.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from services.subsidy.domain.pairs import NOT_STATED, Pairs

Ints = npt.NDArray[np.int64]
QUOTED, INELIGIBLE, UNPRICED = range(3)

_EMPLOYER = {
    "onsite": {"priority": 90, "large_under_1000": 60, "large_1000_plus": 40},
    "remote": {"priority": 90, "large_under_1000": 80, "large_1000_plus": 40},
    "blended": {"priority": 95, "large_under_1000": 90, "large_1000_plus": 60},
}


def priced(pairs: Pairs) -> tuple[npt.NDArray[np.int8], Ints, Ints, Ints]:
    """Outcome, cost, support and self-pay in won."""
    size = len(pairs)
    outcome: npt.NDArray[np.int8] = np.full(size, UNPRICED, np.int8)
    cost, support = np.zeros(size, np.int64), np.zeros(size, np.int64)
    words, codes, numbers = pairs.words, pairs.codes, pairs.numbers
    order = np.argsort(codes["programme"].astype(np.uint8), kind="stable")
    ends = np.cumsum(np.bincount(codes["programme"], minlength=len(words["programme"]))).tolist()
    tables = _tables(words)
    for programme, start, end in zip(words["programme"], [0, *ends], ends, strict=False):
        for low in range(start, end, 2**14):
            rows = order[low : min(low + 2**14, end)]
            if programme == "KMOOC":
                outcome[rows] = QUOTED
                continue
            fee, people = numbers["fee"][rows], numbers["people"][rows]
            found, won = _programme(programme, tables, codes, numbers, rows, fee, people)
            quoted = found == QUOTED
            outcome[rows] = found
            cost[rows], support[rows] = np.where(quoted, fee * people, 0), np.where(quoted, won, 0)
    return outcome, cost, support, cost - support


def _tables(words: Any) -> dict[str, npt.NDArray[Any]]:
    """What the words of the categorical columns mean."""
    rates = [[_EMPLOYER[mode].get(size, 0) for size in words["size_class"]] for mode in words["mode"]]
    places = words["workplace"]
    tiers = ["" if p is None else "capital" if p.overlap else p.tier2 or "" for p in places]
    return {
        "employer": np.array(rates),
        "sme": np.array([size == "priority" for size in words["size_class"]]),
        "size_known": np.array([size is not None for size in words["size_class"]]),
        "remote": np.array([mode == "remote" for mode in words["mode"]]),
        "place": np.array([{"capital": 90, "non_capital": 95, "": 0}[tier] for tier in tiers]),
    }


def _programme(
    programme: str, tables: Any, codes: Any, numbers: Any, rows: Ints, fee: Ints, people: Ints
) -> tuple[Any, Ints]:
    """Outcome and support of the pairs of one programme."""
    if programme == "P2":
        remote = tables["remote"][codes["mode"][rows]]
        return np.where(remote, QUOTED, INELIGIBLE), np.minimum(fee, 500_000) * people // 10 * 10
    unit = numbers["unit_price"][rows]
    hours_worth, known = unit * numbers["hours"][rows], unit != NOT_STATED
    if programme in ("P1", "P4", "P14"):
        whole = {"P1": 110, "P4": 100, "P14": 130}[programme]
        return np.where(known, QUOTED, UNPRICED), _won(fee, hours_worth, whole, 100, people)
    if programme == "C0102":
        return np.where(known & ((fee <= 12_000_000) | (fee > 18_000_000)), QUOTED, UNPRICED), _card(
            fee, hours_worth, people
        )
    size, mode = codes["size_class"][rows], codes["mode"][rows]
    employer, sme, size_known = tables["employer"][mode, size], tables["sme"][size], tables["size_known"][size]
    known &= size_known
    if programme == "C0041T":
        return np.where(known, QUOTED, UNPRICED), _won(fee, hours_worth, 100, employer, people)
    if programme == "P13":
        return np.where(known, QUOTED, UNPRICED), _won(fee, hours_worth, 300, employer, people)
    if programme == "P18":
        refused = np.where(size_known & ~sme, INELIGIBLE, UNPRICED)
        return np.where(known & sme, QUOTED, refused), _won(fee, hours_worth, 300, employer, people)
    if programme == "P9":
        online = tables["remote"][mode]
        multiple = np.where(sme, 300, 100)
        return np.where(known, QUOTED, UNPRICED), _won(
            fee, hours_worth, multiple, np.where(sme & online, 100, employer), people
        )
    assert programme == "P10"
    rate = tables["place"][codes["workplace"][rows]]
    known &= (rate > 0) | ~sme
    return np.where(known, QUOTED, UNPRICED), _won(fee, hours_worth, 100, np.where(sme, rate, employer), people)


def _won(fee: Ints, hours_worth: Ints, multiple: Any, rate: Any, people: Ints) -> Ints:
    won: Ints = np.minimum(fee * 100, hours_worth * multiple) * rate * people // 100_000 * 10
    return won


def _card(fee: Ints, hours_worth: Ints, people: Ints) -> Ints:
    """A tenth is the learner's own up to 3,000,000 won, then an amount by the fee."""
    eligible = np.minimum(fee, hours_worth)
    amount = np.select([fee <= 6_000_000, fee <= 12_000_000], [300_000, 400_000], 600_000)
    own = np.where(fee <= 3_000_000, eligible, np.minimum(amount, eligible) * 10)
    won: Ints = (eligible * 10 - own) * people // 100 * 10
    return won
