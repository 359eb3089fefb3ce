"""The house rules that a machine can check: sizes, no patching, nothing put off, no addresses of registries."""

import ast
import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def source() -> list[Path]:
    """Python files with something in them, without migrations, which are written by a tool."""
    return [path for path in tracked("*.py") if "migrations" not in path.parts and path.read_text().strip()]


def percentile(values: list[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]


def test_files_stay_small() -> None:
    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in source()}
    assert statistics.median(sizes.values()) <= 120
    assert percentile(list(sizes.values()), 0.95) <= 350
    assert {path: size for path, size in sizes.items() if size > 500} == {}


def test_functions_stay_short() -> None:
    lengths = []
    for path in source():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lengths.append((node.end_lineno or node.lineno) - node.lineno + 1)
    assert percentile(lengths, 0.95) <= 50


def test_nothing_is_patched_skipped_or_put_off() -> None:
    forbidden = re.compile(r"mock\.patch|mocker\.patch|pytest\.mark\.(skip|xfail)|\bTODO\b|\bFIXME\b")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in source()
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if forbidden.search(line)
    ]
    assert found == []


def test_no_lock_file_or_build_file_names_a_registry() -> None:
    hosts = re.compile(r"://[\w.-]*(pypi|pythonhosted|npmjs|maven|debian)[\w.-]*/")
    named = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path != Path(__file__)
        and path.suffix not in (".xlsx", ".png")
        and hosts.search(path.read_text(errors="replace"))
    ]
    assert named == []


def test_every_service_has_the_same_rooms() -> None:
    rooms = ("__init__.py", "app.py", "api", "events", "service", "domain", "store", "migrations")
    for service in ("catalog", "diagnosis", "interagency", "matching", "subsidy"):
        folder = ROOT / "services" / service
        missing = [r for r in rooms if not (folder / r).exists() and not (folder / f"{r}.py").exists()]
        assert missing == [], service
