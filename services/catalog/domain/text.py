"""Text as outside systems send it, and the text that is kept."""

import html
import re
import unicodedata

# Real tags only: Korean titles use <…> as brackets too ("<AI> 첫걸음").
_TAG = re.compile(
    r"</?(?:img|br|hr|b|i|u|em|strong|span|font|div|p|a|sup|sub|li|ul|ol|table|tr|td|th|h[1-6])(?:\s[^<>]*)?/?>", re.I
)
# An institution's own course code before the title: letters, digits and a closing letter ("EB243F 실습…").
# Without the closing letter it may be the subject itself ("ISO9001", "CAD2024", "IFRS17") and stays.
_COURSE_CODE = re.compile(r"^[A-Z]{1,3}\d{2,5}[A-Z]\s+(?=\S)")


def clean(raw: str) -> str:
    """One line: entities decoded, tags, control and zero-width characters out, whitespace collapsed, NFC.

    Entities are decoded twice, since exports escape what was already escaped (`&amp;amp;`).
    """
    text = _TAG.sub(" ", html.unescape(html.unescape(raw)))
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join(_kept(character) for character in text)
    return " ".join(text.split())


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs") else character


def title(raw: str) -> str:
    """A course title (훈련과정명): cleaned, without the institution's code before it; brackets stay."""
    text = clean(raw)
    return _COURSE_CODE.sub("", text)


def for_search(text: str) -> str:
    """Full-width letters and digits folded, so that a word is found however it was typed."""
    return unicodedata.normalize("NFKC", text)
