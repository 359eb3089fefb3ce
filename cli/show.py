"""What the command line prints: Korean first, English second, aligned for a terminal."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LEVELS = {"beginner": "초급", "intermediate": "중급", "advanced": "고급", None: "-"}


_STATUS = {"pricing": "견적 중", "ineligible": "지원 제외", "unpriced": "가격 미정"}


def width(text: str) -> int:
    """Cells on a terminal: Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def cut(text: str, cells: int) -> str:
    """At most `cells` wide, padded to it."""
    kept, used = [], 0
    for sign in text:
        used += width(sign)
        if used > cells:
            break
        kept.append(sign)
    out = "".join(kept)
    return out + " " * (cells - width(out))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> str:
    lines = ["  ".join(cut(name, cells) for name, cells in zip(header, widths, strict=True)).rstrip()]
    lines.append("  ".join("-" * cells for cells in widths))
    for row in rows:
        lines.append("  ".join(cut(cell, cells) for cell, cells in zip(row, widths, strict=True)).rstrip())
    return "\n".join(f"  {line}" for line in lines)


def won(amount: int | None) -> str:
    return "-" if amount is None else f"{amount:,}원"


def batch(report: Mapping[str, Any], name: str) -> str:
    """Accepted and refused rows of a referral file, each refusal with row, field and reason."""
    head = (
        f"{name}: {report['rows']}행 = 접수 {report['accepted']} + 중복 {report['duplicates']}"
        f" + 거절 {report['refused']}  (이미 아는 기업 {report['recognised']})"
        f"\n  rows {report['rows']} = accepted {report['accepted']} + duplicates {report['duplicates']}"
        f" + refused {report['refused']}  (companies known before {report['recognised']})"
    )
    lines = [head]
    for result in report["results"]:
        if result["result"] == "refused":
            lines.extend(_reason(result["row"], error) for error in result["errors"])
        elif result["result"] == "duplicate":
            lines.append(f"  {result['row']}행 중복: {result['ko']} / row {result['row']}: {result['en']}")
    return "\n".join(lines)


def courses(report: Mapping[str, Any], name: str, most: int = 20) -> str:
    """What became of every row of a course file."""
    parts = ("loaded", "updated", "unchanged", "merged", "refused")
    ko = ("적재", "갱신", "그대로", "중복 병합", "거절")
    counts = " + ".join(f"{word} {report[part]}" for word, part in zip(ko, parts, strict=True))
    english = " + ".join(f"{part} {report[part]}" for part in parts)
    lines = [f"{name}: {report['rows']}행 = {counts}", f"  rows {report['rows']} = {english}"]
    listed = [*report["lists"]["refused"], *report["lists"]["merged"]]
    lines.extend(_reason(entry["row"], entry) for entry in listed[:most])
    if len(listed) > most:
        lines.append(f"  … {len(listed) - most}건 더 / more")
    return "\n".join(lines)


def _reason(row: int, error: Mapping[str, Any]) -> str:
    place = f" {error['field']}" if error["field"] else ""
    return f"  {row}행{place}: {error['ko']} / row {row}: {error['en']}"


def recommendation(answer: Mapping[str, Any], most: int = 3) -> str:
    """The first courses of one company with price, support and self-pay."""
    company = answer.get("name") or answer["business_number"] or answer["company_id"]
    lines = [f"{company}  AX {LEVELS[answer['level']]}({answer['level']})"]
    rows = []
    why: list[str] = []
    for course in answer["courses"][:most]:
        price = course["price"]
        if price["status"] == "quoted":
            rows.append(
                (str(course["rank"]), course["title"], *(won(price[n]) for n in ("cost", "support", "self_pay")))
            )
        else:
            rows.append((str(course["rank"]), course["title"], _STATUS[price["status"]], "", ""))
            why.extend(f"  #{course['rank']} {r['ko']} / {r['en']}" for r in price.get("reasons", [])[:1])
    header = ("#", "과정 course", "훈련비 cost", "지원 support", "자부담 self-pay")
    return "\n".join([*lines, table(header, rows, (2, 44, 14, 14, 15)), *why])
