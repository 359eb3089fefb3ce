"""The tables that an official can read: each row is one case with the won that it must give."""

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from services.subsidy.domain import Facts, citations, place, price, render
from services.subsidy.loading import policy

FOLDER = Path(__file__).parent / "cases"
COLUMNS = {
    "name", "date", "programme", "mode", "level", "ai", "hours", "unit_price", "fee", "people", "size", "region",
    "outcome", "cost", "support", "self_pay", "rules", "cites", "reasons",
}  # fmt: skip


def rows() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        found += [pytest.param({**table["same"], **row}, id=f"{path.stem}: {row['name']}") for row in table["rows"]]
    return found


def facts_of(row: dict[str, Any], day: date) -> Facts:
    where = place(row["region"], day) if row["region"] else None
    return Facts(
        *(row["programme"], row["mode"], row["level"], row["ai"], row["hours"], row["fee"], row["unit_price"]),
        *(row["people"], row["size"], "stated", where, where),
    )


@pytest.mark.parametrize("row", rows())
def test_the_table_agrees(row: dict[str, Any]) -> None:
    assert set(row) <= COLUMNS
    quote = price(facts_of(row, row["date"]), policy().at(row["date"]))
    outcome = row.get("outcome", "quoted")
    assert quote.outcome == outcome
    assert [reason.code for reason in quote.reasons] == row.get("reasons", [])
    assert (quote.cost, quote.support, quote.self_pay) == (row.get("cost"), row.get("support"), row.get("self_pay"))
    if outcome == "quoted":
        assert list(quote.chosen.payable.line.rules if quote.chosen else ()) == row["rules"]
        assert citations(quote)
        assert set(row["cites"]) <= set(citations(quote))
    else:
        assert all(reason.ko and reason.en for reason in quote.reasons)


@pytest.mark.parametrize("row", rows())
def test_the_receipt_of_each_case_leads_to_its_total(row: dict[str, Any]) -> None:
    quote = price(facts_of(row, row["date"]), policy().at(row["date"]))
    receipt = orjson.loads(render(quote, "q1"))
    money = {"cost": quote.cost, "support": quote.support, "self_pay": quote.self_pay}
    assert {name: receipt[name] for name in ("outcome", *money)} == {"outcome": quote.outcome, **money}
    values = {step["step"]: step["value"] for step in receipt["steps"]}
    if quote.outcome != "quoted":
        assert receipt["steps"] == []
        assert receipt["reasons"]
        return
    assert values["cost"] == quote.cost
    assert values["support"] == quote.support
    assert values["self-pay"] == values["cost"] - values["support"]
    assert list(values)[-1] == "self-pay"


def test_every_rule_has_its_boundary_days() -> None:
    days = {(values.values[0]["programme"], values.values[0]["date"].isoformat()) for values in rows()}
    for programme, before, since in (
        ("P1", "2025-12-31", "2026-01-01"),
        ("P9", "2026-02-28", "2026-03-01"),
        ("P10", "2025-12-31", "2026-01-01"),
        ("P13", "2025-12-31", "2026-01-01"),
        ("P14", "2026-06-30", "2026-07-01"),
        ("P18", "2026-02-28", "2026-03-01"),
    ):
        assert {(programme, before), (programme, since)} <= days
