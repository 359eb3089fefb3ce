"""M1, M3 with M4, and M5 as other rule engines hold them: a zen decision graph, an OpenFisca system.

Both are given their own copy of the figures of the plan (plan:IV-①-p.4, IV-②-p.7). They are imported where they are
used: only `make bench` installs them.
"""

import importlib
import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from services.subsidy.domain import Facts, place

Work = Callable[[], list[int]]
RULES: dict[str, tuple[int, dict[str, int]]] = {
    "P1": (110, {}),
    "P9": (300, {}),
    "P10": (100, {"capital": 90, "non_capital": 95}),
}
"""Programme → multiple and rate in hundredths, the rate by two tiers; 100 where there are none."""


def cases(count: int, on: date, seed: int = 2) -> list[Facts]:
    """Cases that the three rules pay: AI beginners (M1), SME workers online (M3, M4), private courses by place (M5)."""
    random, made = Random(seed), []
    for _ in range(count):
        programme = random.choice(tuple(RULES))
        mode, level = "remote", "intermediate" if programme == "P10" else "beginner"
        hours, fee, unit_price = (
            random.randrange(8, 200),
            random.randrange(50_000, 3_000_000),
            random.randrange(4_000, 16_000),
        )
        workplace = place(random.choice(("48123", "11680", "28710", "47190")), on)
        people = random.randrange(1, 30)
        made.append(
            Facts(hours, fee, unit_price, people, programme, mode, level, True, "priority", "stated", workplace, None)
        )
    return made


def tier(case: Facts) -> str:
    """A place that is both counts as the capital area here."""
    assert case.workplace is not None
    return "capital" if case.workplace.overlap else case.workplace.tier2 or ""


def zen(cases: Sequence[Facts], _on: date) -> Work:
    """A decision table for multiple and rate, then expressions for the won."""
    engine = importlib.import_module("zen").ZenEngine()
    decision = engine.create_decision(json.dumps(_graph()))
    asked = [
        {"programme": c.programme, "tier": tier(c), "fee": c.fee, "hours": c.hours, "unit_price": c.unit_price,
         "people": c.people}
        for c in cases
    ]  # fmt: skip
    return lambda: [int(decision.evaluate(one)["result"]["support"]) for one in asked]


def _graph() -> dict[str, Any]:
    rows = [
        {
            "_id": f"{programme}-{tier}",
            "p": f'"{programme}"',
            "t": f'"{tier}"' if tier else "",
            "m": str(multiple),
            "r": str(rate),
        }
        for programme, (multiple, rates) in RULES.items()
        for tier, rate in (rates or {"": 100}).items()
    ]
    table = {
        "hitPolicy": "first", "passThrough": True, "rules": rows,
        "inputs": [{"id": one[0], "name": one, "field": one} for one in ("programme", "tier")],
        "outputs": [{"id": one[0], "name": one, "field": one} for one in ("multiple", "rate")],
    }  # fmt: skip
    expressions = [
        {"id": "1", "key": "eligible", "value": "min([fee * 100, unit_price * hours * multiple])"},
        {"id": "2", "key": "support", "value": "floor($.eligible * rate * people / 100000) * 10"},
    ]
    contents = {
        "inputNode": {}, "decisionTableNode": table,
        "expressionNode": {"passThrough": True, "expressions": expressions}, "outputNode": {},
    }  # fmt: skip
    nodes = [
        {"id": kind, "name": kind, "type": kind, "position": {"x": 0, "y": 0}, "content": content}
        for kind, content in contents.items()
    ]
    edges = [
        {"id": one + other, "sourceId": one, "targetId": other, "type": "edge"} for one, other in pairwise(contents)
    ]
    return {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}


def openfisca(cases: Sequence[Facts], on: date) -> Work:
    """Parameters in YAML by their first day, variables with formulas over columns; a simulation per run."""
    system = _system()
    builder = importlib.import_module("openfisca_core.simulation_builder").SimulationBuilder
    programmes = list(RULES)
    columns = {
        "programme": [programmes.index(case.programme) for case in cases],
        "capital": [tier(case) == "capital" for case in cases],
        **{name: [getattr(case, name) for case in cases] for name in ("fee", "hours", "unit_price", "people")},
    }
    arrays = {name: np.array(values) for name, values in columns.items()}

    def work() -> list[int]:
        simulation = builder().build_default_simulation(system, len(cases))
        for name, array in arrays.items():
            simulation.set_input(name, on.isoformat(), array)
        found: list[int] = simulation.calculate("support", on.isoformat()).tolist()
        return found

    return work


def _system() -> Any:
    entities, variables, systems, periods = (
        importlib.import_module(f"openfisca_core.{name}")
        for name in ("entities", "variables", "taxbenefitsystems", "periods")
    )
    case = entities.build_entity("case", "cases", "a company and a course", is_person=True)
    system = systems.TaxBenefitSystem([case])
    with tempfile.TemporaryDirectory(prefix="ieum-bench-") as folder:
        _write_parameters(Path(folder))
        system.load_parameters(folder)

    def variable(name: str, kind: type, formula: Callable[..., Any] | None = None) -> None:
        members = {"value_type": kind, "entity": case, "definition_period": periods.DateUnit.DAY, "label": name}
        system.add_variable(type(name, (variables.Variable,), members | ({"formula": formula} if formula else {})))

    for name in ("programme", "fee", "hours", "unit_price", "people"):
        variable(name, int)
    variable("capital", bool)
    variable("multiple", int, _multiple)
    variable("rate", int, _rate)
    variable("support", int, _support)
    return system


def _write_parameters(folder: Path) -> None:
    for programme, (multiple, rates) in RULES.items():
        home = folder / programme
        home.mkdir()
        named = {"multiple": multiple, **{f"rate_{tier}": rate for tier, rate in (rates or {"all": 100}).items()}}
        for name, value in named.items():
            text = f"description: {programme} {name}\nvalues:\n  2026-03-01:\n    value: {value}\n"
            (home / f"{name}.yaml").write_text(text, encoding="utf-8")


def _multiple(case: Any, period: Any, parameters: Any) -> Any:
    in_force, programme = parameters(period), case("programme", period)
    return np.choose(programme, [in_force.P1.multiple, in_force.P9.multiple, in_force.P10.multiple])


def _rate(case: Any, period: Any, parameters: Any) -> Any:
    in_force, programme = parameters(period), case("programme", period)
    by_place = np.where(case("capital", period), in_force.P10.rate_capital, in_force.P10.rate_non_capital)
    return np.choose(programme, [in_force.P1.rate_all, in_force.P9.rate_all, by_place])


def _support(case: Any, period: Any) -> Any:
    """In 64 bits on the way; OpenFisca holds 32, which the cases' support fits."""
    fee, unit_price, people = (case(name, period).astype(np.int64) for name in ("fee", "unit_price", "people"))
    cap = unit_price * case("hours", period) * case("multiple", period)
    return np.minimum(fee * 100, cap) * case("rate", period) * people // 100_000 * 10
