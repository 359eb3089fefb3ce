"""One referral as a partner wrote it, read into codes, or all that is wrong with it."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from libs.contracts.interagency import ExternalScore, SizeClass
from libs.reference import business_number, ksic, regions, size
from libs.reference.errors import CodeError, clean

MOST_HEADS = 1_000_000
LONGEST_NAME = 200
LONGEST_CELL = 1_000
_REMEMBERED = 5_000
FIELDS = (
    "business_number",
    "company_name",
    "ksic_version",
    "ksic_code",
    "region_code",
    "headcount",
    "programme",
    "external_instrument",
    "external_level",
    "external_levels",
    "external_measured_on",
    "contact_email",
)
NO_CELLS = ("",) * len(FIELDS)
_REVISIONS: tuple[ksic.Version, ...] = ("11", "10")
REQUIRED = ("business_number", "company_name", "region_code", "programme")

_EMAIL = re.compile(r"[^@\s,;<>\"'\x00-\x1f\x7f]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.0+)?", re.ASCII)
_DAY = re.compile(
    r"(\d{4})(?:([-./]) ?(\d{1,2})\2 ?(\d{1,2})\.?|(\d\d)(\d\d))(?:[ T]00:00(?::00(?:\.0+)?)?)?", re.ASCII
)
# 13 digits are a person's number (주민등록번호) or a corporation's; neither has a place here, not even in a refusal.
_IDENTITY = re.compile(r"(?<!\d)\d{6}\W{0,3}\d{7}(?!\d)")
_IDENTITY_LENGTH = 13
_SHEET_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!)")


def cells_of(values: Mapping[str, str]) -> tuple[str, ...]:
    """Named text in the order of `FIELDS`."""
    return tuple(values.get(name, "") for name in FIELDS)


class Fault(NamedTuple):
    """What is wrong with a field (or, as a note, what was understood), for a person to read."""

    field: str
    code: str
    ko: str
    en: str
    value: Any = None

    def shown(self) -> dict[str, Any]:
        """As it stands in an answer."""
        return {name: _masked(value) for name, value in self._asdict().items() if value is not None}


def _masked(value: Any) -> Any:
    return _IDENTITY.sub("******-*******", value) if isinstance(value, str) else value


class Industry(NamedTuple):
    version: Literal["10", "11"]
    code: str
    section: str
    note: Fault | None


class Draft(NamedTuple):
    """A referral that can be stored. `given_region` is the code as sent, `region_code` the one in force."""

    business_number: str
    company_name: str
    ksic_version: Literal["10", "11"] | None
    ksic_code: str | None
    region_code: str
    given_region: str
    headcount: int | None
    size_class: SizeClass | None
    programme: str
    score: ExternalScore | None
    contact_email: str | None
    notes: tuple[Fault, ...] = ()


Outcome = Draft | tuple[Fault, ...]
FindProgramme = Callable[[str], str | None]


class Reader:
    """Reads rows of one partner on one Korean day. What repeats (regions, industries, programmes) is read once."""

    def __init__(self, on: date, find_programme: FindProgramme, programmes: str) -> None:
        self._on, self._programmes = on, programmes
        self._region = lru_cache(_REMEMBERED)(self._read_region)
        self._industry = lru_cache(_REMEMBERED)(self._read_industry)
        self._find = find_programme
        self._programme = lru_cache(_REMEMBERED)(self._read_programme)
        self._count = lru_cache(_REMEMBERED)(_read_count)
        self._size = lru_cache(_REMEMBERED)(size.size_class)

    def read(self, cells: Sequence[str]) -> Outcome:
        """`cells` are text in the order of `FIELDS`; what is missing is empty."""
        number_, name_, version, code, region_, heads_, programme_, tool, level, levels, day, email_ = cells
        if len("".join(cells)) > LONGEST_CELL and (too_long := _too_long(cells)):
            return too_long
        faults: list[Fault] = []
        number = _business_number(number_, faults)
        name = _name(name_, faults)
        region = self._region(region_)
        industry = self._industry(version, code)
        heads = self._count("headcount", heads_, 0, MOST_HEADS)
        programme = self._programme(programme_)
        for found in (region, industry, heads, programme):
            if isinstance(found, Fault):
                faults.append(found)
        score = self._score(tool, level, levels, day, faults) if tool or level or levels or day else None
        email = _email(email_, faults) if email_ else None
        if faults or isinstance(region, Fault) or isinstance(programme, Fault):
            return tuple(faults)
        assert not isinstance(industry, Fault)
        assert not isinstance(heads, Fault)
        notes: tuple[Fault, ...] = ()
        given = region_ if region == region_ else region_.strip()[:40]
        if region != region_:
            notes += (_mapped(region_, region),)
        if industry and industry.note:
            notes += (industry.note,)
        kind = self._size(heads, industry.section, industry.code[:2]) if industry else self._size(heads, None, None)
        return Draft(
            number,
            name,
            industry.version if industry else None,
            industry.code if industry else None,
            region,
            given,
            heads,
            kind,
            programme,
            score,
            email,
            notes,
        )

    @staticmethod
    def _collect(found: Any, faults: list[Fault]) -> Any:
        if isinstance(found, Fault):
            faults.append(found)
            return None
        return found

    def _read_region(self, text: str) -> str | Fault:
        try:
            return regions.resolve(text, self._on).code
        except CodeError as error:
            return Fault("region_code", error.code, error.ko, error.en, text[:40])

    def _read_industry(self, version: str, code: str) -> Industry | Fault | None:
        if not code.strip():
            return None
        try:
            if version.strip():
                found = ksic.parse(code, ksic.parse_version(version))
                return Industry(found.version, found.code, found.section, None)
        except CodeError as error:
            name = "ksic_version" if error.code == "version" else "ksic_code"
            return Fault(name, error.code, error.ko, error.en, version if name == "ksic_version" else code[:40])
        return _industry_without_version(code)

    def _read_programme(self, text: str) -> str | Fault:
        name = unicodedata.normalize("NFC", text).strip()
        if not name:
            return Fault("programme", "missing", "사업명이 비어 있습니다.", "The programme is missing.")
        found = self._find(name)
        if found is None:
            ko = f"협업 대상이 아닌 사업입니다. 쓸 수 있는 사업: {self._programmes}"
            en = f"Not a cooperating programme of your ministry. Programmes: {self._programmes}"
            return Fault("programme", "unknown-programme", ko, en, name[:80])
        return found

    def _score(
        self, tool: str, level_text: str, levels_text: str, day_text: str, faults: list[Fault]
    ) -> ExternalScore | None:
        tool, level_text, levels_text, day_text = (t.strip() for t in (tool, level_text, levels_text, day_text))
        if not (tool or level_text or levels_text or day_text):
            return None
        if not (tool and level_text and levels_text):
            ko = "진단 결과를 보내려면 진단도구, 진단수준, 진단단계수가 모두 있어야 합니다."
            en = "A score needs its instrument, its level and the number of levels."
            faults.append(Fault("external_level", "incomplete-score", ko, en))
            return None
        before = len(faults)
        levels = self._collect(self._count("external_levels", levels_text, 2, 100), faults)
        level = self._collect(self._count("external_level", level_text, 0, levels or 100), faults)
        day = _day(day_text, self._on, faults)
        if len(tool) > 100 or _CONTROL.search(tool):
            faults.append(Fault("external_instrument", "format", "진단도구 이름이 올바르지 않습니다.", "Bad name."))
        if len(faults) > before:
            return None
        return ExternalScore.model_construct(instrument=tool, level=level, levels=levels, measured_on=day)


def _industry_without_version(code: str) -> Industry | Fault:
    """Without a revision the 11th (in force since 2024-07-01) is tried first, then the 10th; the reading is told.

    A code that means one thing in the 10th and another in the 11th is refused with both meanings: a guess would be
    another industry.
    """
    found: dict[ksic.Version, ksic.Ksic] = {}
    failure: CodeError | None = None
    for version in _REVISIONS:
        try:
            found[version] = ksic.parse(code, version)
        except CodeError as error:
            failure = failure or error
    if not found:
        assert failure is not None
        return Fault("ksic_code", failure.code, failure.ko, failure.en, code[:40])
    version, industry = next(iter(found.items()))
    if len(found) == 2 and industry.meaning_changed:
        meanings = ", ".join(f"{v}: {k.name}" for v, k in sorted(found.items()))
        ko = f"산업분류코드 {industry.code}은(는) 차수마다 뜻이 다릅니다({meanings}). 산업분류차수를 보내 주세요."
        en = f"KSIC code {industry.code} differs between revisions ({meanings}); send ksic_version."
        return Fault("ksic_version", "ambiguous-revision", ko, en, code[:40])
    ko = f"산업분류 차수가 없어 {version}차로 읽었습니다."
    note = Fault("ksic_version", "assumed", ko, f"No KSIC revision was given; read as revision {version}.", code[:40])
    return Industry(version, industry.code, industry.section, note)


def _too_long(cells: Sequence[str]) -> tuple[Fault, ...]:
    ko, en = f"한 칸은 {LONGEST_CELL:,}자까지입니다.", f"A cell holds at most {LONGEST_CELL:,} characters."
    return tuple(
        Fault(f, "too-long", ko, en) for f, cell in zip(FIELDS, cells, strict=True) if len(cell) > LONGEST_CELL
    )


def _business_number(text: str, faults: list[Fault]) -> str:
    try:
        return business_number.parse(text)
    except CodeError as error:
        faults.append(Fault("business_number", error.code, error.ko, error.en, text[:40]))
        return ""


def _name(text: str, faults: list[Fault]) -> str:
    name = text.strip()
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if not name or (name[0] == "#" and _SHEET_ERROR.fullmatch(name)):
        faults.append(Fault("company_name", "missing", "기업명이 비어 있습니다.", "The company name is missing."))
    elif len(name) >= _IDENTITY_LENGTH and _IDENTITY.search(name):
        ko, en = "주민등록번호나 법인등록번호는 보내지 마십시오.", "Send no resident or corporate registration number."
        faults.append(Fault("company_name", "identity-number", ko, en))
    elif len(name) > LONGEST_NAME or (not name.isprintable() and _CONTROL.search(name)):
        ko = f"기업명은 {LONGEST_NAME}자 이하이고 제어문자가 없어야 합니다."
        en = f"The name has at most {LONGEST_NAME} characters and no control characters."
        faults.append(Fault("company_name", "format", ko, en, name[:40]))
    return name


def _read_count(field: str, text: str, least: int, most: int) -> int | Fault | None:
    plain = clean(text)
    if not plain:
        return None
    found = _COUNT.fullmatch(plain)
    if not found or len(plain) > 20:
        ko, en = "0 이상의 정수여야 합니다.", "A whole number, not negative, is needed."
        return Fault(field, "not-a-count", ko, en, text[:40])
    number = int(found[1].replace(",", ""))
    if not least <= number <= most:
        ko = f"{least:,}에서 {most:,} 사이여야 합니다."
        return Fault(field, "out-of-range", ko, f"Between {least:,} and {most:,}.", text[:40])
    return number


def _day(text: str, on: date, faults: list[Fault]) -> date | None:
    if not text:
        return None
    found = _DAY.fullmatch(clean(text))
    try:
        day = date(int(found[1]), int(found[3] or found[5]), int(found[4] or found[6])) if found else None
    except ValueError:
        day = None
    if day is None:
        ko, en = "날짜(YYYY-MM-DD)여야 합니다.", "A date (YYYY-MM-DD) is needed."
        faults.append(Fault("external_measured_on", "not-a-date", ko, en, text[:40]))
        return None
    if day > on:
        ko, en = "측정일이 오늘보다 뒤입니다.", "The day of measurement is in the future."
        faults.append(Fault("external_measured_on", "future", ko, en, text[:40]))
    return day


def _email(text: str, faults: list[Fault]) -> str | None:
    address = text.strip()
    if not address:
        return None
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        # The value itself stays out of the report: it may name a person.
        faults.append(Fault("contact_email", "format", "전자우편 주소 형식이 아닙니다.", "Not an e-mail address."))
        return None
    return address


def _mapped(given: str, code: str) -> Fault:
    ko = f"소재지코드를 현재 코드 {code}(으)로 읽었습니다."
    return Fault("region_code", "mapped", ko, f"The region code was read as {code}, in force now.", given[:40])
