"""The programme register holds the plan's own sums."""

import copy
from typing import Any

import pytest
import yaml

from services.subsidy.domain import PolicyInvalid
from services.subsidy.domain.register import parse
from services.subsidy.loading import FOLDER, register
from tests.conftest import ClientFor, MakeKit


def test_the_budgets_of_ai_training_add_up_to_the_plans_total() -> None:
    counted = {entry.id: entry.budget.counted for entry in register().entries.values() if entry.budget}
    assert sum(counted.values()) == register().budget_total == 2540 * 10**8
    assert counted["P2"] == 0, "a part of a larger budget stays out"
    assert counted["P20"] == 67 * 10**8, "of 280 only what is for AI counts"


def test_the_parts_of_the_teachers_academy_add_up() -> None:
    academy = register().entries["P20"]
    assert sum(academy.parts.values()) == academy.targets["people"] == 12_650


def test_the_people_of_the_plan_are_about_240_thousand() -> None:
    """9만 + 1만 + 10만 + 2.8만 + 0.15만 + 1.3만, as the plan rounds them (plan:I-p.1)."""
    people = {entry.id: entry.targets.get("people", 0) for entry in register().entries.values()}
    assert people["P4"] == 10_000
    assert people["P9"] == 100_000
    assert people["P12"] == 28_000
    assert people["P14"] + people["P15"] == 1_500
    assert round(people["P20"], -3) == 13_000
    assert sum((90_000, people["P4"], people["P9"], people["P12"], 1_500, 13_000)) == 242_500


def test_every_programme_has_its_month_its_agency_and_its_page() -> None:
    for entry in register().entries.values():
        assert entry.reference.startswith("plan:IV-")
        assert (entry.since is not None and len(entry.led_by) > 0) or entry.id == "P28"
    assert register().entries["P4"].since == "2026-05"
    assert register().entries["P4"].led_by == ("MOEL", "MSS")


def test_quotas_of_the_register_are_targets_and_own_budgets() -> None:
    found = {(quota.programme, quota.measure): quota.amount for quota in register().quotas()}
    assert found["P10", "firms"] == 10_000
    assert found["P4", "people"] == 10_000
    assert found["P4", "won"] == 1338 * 10**8
    assert ("P10", "won") not in found, "its money is in the line of P9"
    assert ("P13", "won") not in found, "part of a larger budget"
    assert all(quota.year == 2026 and quota.citation for quota in register().quotas())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("P4/stage", "moon"), ("P4/from", "2026-13"), ("P4/reference", "x"), ("P4/targets", {"moons": 1}),
        ("P4/targets", {"people": -1}), ("P4/budget", {"kind": "line"}), ("P4/surprise", 1), ("P4", None),
    ],
)  # fmt: skip
def test_a_fault_in_the_register_is_refused_by_name(path: str, value: Any) -> None:
    document = copy.deepcopy(yaml.load((FOLDER / "register.yaml").read_text(), yaml.BaseLoader))
    for entry in document["programmes"].values():
        entry["targets"], entry["parts"] = {}, {}
        entry.pop("budget", None)
        entry["from"] = None if entry["from"] == "null" else entry["from"]
    parse(document)
    *folders, last = path.split("/")
    target = document["programmes"]
    for folder in folders:
        target = target[folder]
    target[last] = value
    with pytest.raises(PolicyInvalid, match="P4"):
        parse(document)


async def test_the_register_is_read_over_the_api(make_kit: MakeKit, client_for: ClientFor) -> None:
    from services.subsidy.app import create_app

    client = client_for(create_app(await make_kit("subsidy")), "quotes:read")
    answer = await client.get("/v1/training-programmes")
    assert answer.status_code == 200
    shown = answer.json()
    assert len(shown["programmes"]) == 28
    assert shown["programmes"][3]["budget"] == {"kind": "line", "won": 133_800_000_000, "ai_won": None, "together": []}
