"""`python -m cli cases FILE…`: a table of cases (사례표) against the rules, each agreed or differing, with receipts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.subsidy.case_files import EXPECTED, load
from services.subsidy.cases import Result, check
from services.subsidy.domain import Policy, PolicyInvalid, parse
from services.subsidy.loading import FOLDER
from services.subsidy.loading import read as read_policy

AGREED, DIFFERS, UNREADABLE = 0, 1, 2
"""Exit codes."""


def run(files: list[Path], folder: Path | None = None) -> int:
    """Prints every case; gives 0 where all agree, 1 where one differs, 2 where something cannot be read."""
    try:
        policy = parse(*read_policy(folder or FOLDER))
    except (PolicyInvalid, OSError) as error:
        print(f"정책을 읽을 수 없습니다 / the policy cannot be read: {error}")
        return UNREADABLE
    print(f"정책 판 / policy version: {policy.version}")
    codes = [_file(path, policy) for path in files]
    return max(codes, default=UNREADABLE)


def _file(path: Path, policy: Policy) -> int:
    print(f"\n{path}")
    table = load(path)
    for sheet in table.unread:
        print(f"  열 이름이 없어 읽지 않은 시트 / sheet not read, it names no columns: {sheet}")
    for fault in table.faults:
        where = "" if fault.row is None else f"{fault.row}행 / row {fault.row}, "
        print(f"  오류 / error: {where}{fault.field}: {fault.ko} / {fault.en}")
    if table.faults and not table.cases:
        return UNREADABLE
    results = [check(case, policy) for case in table.cases]
    for result in results:
        mark = "다름 differs" if result.differs else "일치 agrees "
        print(f"  {mark}  {result.case.row:>4}  {result.case.name}")
        if result.differs:
            _explain(result)
    wrong = sum(bool(result.differs) for result in results)
    agreed = len(results) - wrong
    print(
        f"  {len(results)}건 가운데 {agreed}건 일치, {wrong}건 다름 / {agreed} of {len(results)} agree, {wrong} differ"
    )
    if table.faults:
        count = len(table.faults)
        print(f"  읽을 수 없는 곳이 {count}곳 있어 끝나지 않은 점검입니다 / incomplete: {count} fault(s) named above")
        return UNREADABLE
    return DIFFERS if wrong else AGREED


def _explain(result: Result) -> None:
    for name, (expected, found) in result.differs.items():
        told = f"기대 expected {_shown(expected)}, 계산 found {_shown(found)}"
        print(f"        {EXPECTED[name][0]} {name}: {told}")
    receipt = result.receipt
    if receipt is None:
        for ko, en in result.why:
            print(f"        {ko} / {en}")
        return
    print("        산출 내역 / receipt:")
    for step in receipt["steps"]:
        print(f"          {_step(step)}")
    for beside in receipt["allowances"]:
        print(f"          {beside['ko']} / {beside['en']}")
        for step in beside["steps"]:
            print(f"            {_step(step)}")
    for other in receipt["others"]:
        support = "" if other["support"] is None else f": {_shown(other['support'])}"
        print(f"          쓰지 않음 not used: {other['ko']} / {other['en']} ({other['outcome']}){support}")
    for reason in _reasons(receipt):
        print(f"          {reason['ko']} / {reason['en']}")


def _step(step: Mapping[str, Any]) -> str:
    source = f"  [{step['citation']}, {step['effective_on']}]" if "effective_on" in step else ""
    reading = " (해석 interpretation)" if step.get("interpretation") else ""
    formula = f" = {step['formula_ko']}" if "formula_ko" in step else ""
    return f"{step['ko']} {step['step']}: {_shown(step['value'])} {step['unit']}{formula}{source}{reading}"


def _reasons(receipt: Mapping[str, Any]) -> list[Mapping[str, str]]:
    beside = [reason for one in receipt["allowances"] for reason in one["reasons"]]
    refused = [reason for other in receipt["others"] for reason in other["reasons"]]
    named = {reason["code"]: reason for reason in (*receipt["reasons"], *refused, *beside)}
    return list(named.values())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "없음 none"
    if value is None:
        return "없음 none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
