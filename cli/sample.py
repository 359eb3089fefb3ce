"""The bundled sample: three small partner files of fictitious companies, most rows good, some bad on purpose.

`python -m cli.sample` writes them to `cli/sample/` again; the same bytes every time.
"""

import json
from pathlib import Path

from cli.partner_files import COLUMNS, INSTRUMENTS, PROGRAMMES, Record, write_csv, write_xlsx
from libs.reference import business_number

FOLDER = Path(__file__).parent / "sample"
MARK = "(견본)"

# name, KSIC revision and code, region, head count, programme (index), level sent by the ministry (0: none)
Line = tuple[str, str, str, str, int, int, int]

_MSIT: tuple[Line, ...] = (
    ("가온비전", "10", "26221", "41135", 48, 0, 2),
    ("나래소프트", "10", "58222", "11680", 120, 0, 4),
    ("다온푸드테크", "10", "10749", "43111", 85, 1, 0),
    ("라온메디컬", "11", "27199", "51130", 33, 0, 0),
    ("마루정밀", "11", "29293", "28200", 210, 1, 3),
    ("바른종묘", "10", "1123", "52210", 9, 0, 0),
    ("새솔로직스", "10", "52941", "36110", 64, 0, 1),
    ("아라해양", "10", "31113", "48310", 430, 1, 2),
    ("자람데이터", "11", "62021", "26350", 27, 0, 5),
)
_MSS: tuple[Line, ...] = (
    ("하늘주조", "10", "24311", "47190", 95, 0, 1),
    ("한빛도금", "10", "25922", "41271", 41, 0, 2),
    ("해든플라스틱", "10", "22232", "44131", 150, 0, 3),
    ("두레가구", "10", "32029", "41650", 22, 1, 0),
    ("미르배터리", "11", "28202", "43113", 320, 0, 4),
    ("보람섬유", "10", "13221", "27170", 38, 0, 0),
    ("목포선재", "10", "24122", "46110", 57, 0, 1),
    ("누리화장품", "10", "20423", "28710", 76, 1, 2),
    ("도담식품", "10", "10301", "12770", 18, 0, 0),
)
_MOTIE: tuple[Line, ...] = (
    ("로움로보틱스", "10", "29280", "48121", 140, 2, 3),
    ("모두오토파츠", "10", "30399", "31200", 480, 1, 2),
    ("별하반도체", "11", "26112", "41461", 690, 1, 4),
    ("산들공조", "11", "29173", "12300", 88, 0, 0),
    ("온새미화학", "10", "20499", "31140", 260, 1, 2),
    ("이든금형", "10", "29294", "27290", 45, 0, 3),
    ("초롱전자", "10", "26410", "47190", 1250, 2, 5),
    ("큰솔물류", "10", "52102", "41820", 52, 2, 1),
    ("푸른철강", "10", "24112", "47111", 505, 0, 2),
)


def records(agency: str) -> list[Record]:
    """The agency's rows in the order of the file: the good ones, then the bad ones and a repeated row."""
    start, lines = {"MSIT": (100_000, _MSIT), "MSS": (200_000, _MSS), "MOTIE": (300_000, _MOTIE)}[agency]
    good = [_record(agency, start + index * 37, line) for index, line in enumerate(lines)]
    bad = {
        "MSIT": (
            good[0] | _bad_number(good[0]) | _named("견본오류 검증숫자"),
            _bad(good[1], start, region_code="28260"),
        ),
        "MSS": (_bad(good[0], start, programme="없는 사업"), _bad(good[1], start + 37, headcount="-5")),
        "MOTIE": (
            _bad(good[0], start, region_code="99999"),
            _bad(good[1], start + 37, ksic_code="29294", ksic_version="11"),
        ),
    }[agency]
    return [*good, *bad, dict(good[2])]


def write(folder: Path) -> None:
    """Write `msit.csv`, `mss.ndjson` and `motie.xlsx` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "msit.csv", records("MSIT"), "utf-8-sig")
    lines = (json.dumps(_typed(record), ensure_ascii=False) for record in records("MSS"))
    (folder / "mss.ndjson").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    write_xlsx(folder / "motie.xlsx", records("MOTIE"))


def _record(agency: str, serial: int, line: Line) -> Record:
    name, version, code, region, headcount, programme, level = line
    values = (
        business_number.format_(business_number.make(serial)),
        f"{name} {MARK}",
        version,
        code,
        region,
        str(headcount),
        PROGRAMMES[agency][programme],
        INSTRUMENTS[agency] if level else "",
        str(level) if level else "",
        "5" if level else "",
        f"sample{serial}@example.com",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _bad(record: Record, serial: int, **faults: str) -> Record:
    """A company of its own, like the given one but for the faults."""
    number = business_number.format_(business_number.make(serial + 20_000))
    return record | {"business_number": number} | _named(f"견본오류 {' '.join(faults)}") | faults


def _bad_number(record: Record) -> Record:
    number = record["business_number"]
    return {"business_number": f"{number[:-1]}{(int(number[-1]) + 1) % 10}"}


def _named(name: str) -> Record:
    return {"company_name": f"{name} {MARK}"}


def _typed(record: Record) -> dict[str, str | int | None]:
    """As a system would send it in JSON: counts are numbers, what is not known is null."""
    counts = {"headcount", "external_level", "external_levels"}
    return {key: None if not value else int(value) if key in counts else value for key, value in record.items()}


if __name__ == "__main__":
    write(FOLDER)
