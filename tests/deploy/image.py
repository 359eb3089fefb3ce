"""What `deploy/Dockerfile` says, read far enough to be checked where no container can be built."""

import json
import shlex
import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str

    @property
    def exec_form(self) -> list[str]:
        """The words of an instruction in exec form. Raises ValueError for the shell form."""
        found = json.loads(self.rest[self.rest.index("[") :])
        if not isinstance(found, list):
            raise ValueError(self.rest)
        return found


def stages(text: str, service: str) -> list[list[Instruction]]:
    """The instructions of every stage with `$SERVICE` filled in; the last stage is the image."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[list[Instruction]] = []
    for line in lines.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.strip().partition(" ")
        rest = rest.replace("${SERVICE}", service).replace("$SERVICE", service).strip()
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(Instruction(word, rest))
    return found


def ignored(path: Path, patterns: list[str]) -> bool:
    """Whether the builder never sees this path (relative to the project); the last pattern that fits decides."""
    verdict = False
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        anywhere = wanted.startswith("**/")
        for place in [path, *path.parents][:-1]:
            name = place.name if anywhere else str(place)
            if fnmatchcase(name, wanted.removeprefix("**/")):
                verdict = not pattern.startswith("!")
    return verdict


def assemble(service: str, folder: Path) -> dict[str, str]:
    """Lays the files of a service's image into `folder`; gives the variables that the image sets."""
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    env: dict[str, str] = {}
    for instruction in stages(text, service)[-1]:
        if instruction.word == "ENV":
            env.update(dict(part.split("=", 1) for part in shlex.split(instruction.rest)))
        if instruction.word == "COPY" and not instruction.rest.startswith("--from"):
            *sources, target = instruction.rest.split()
            for source in sources:
                _copy(ROOT / source, folder / target / (Path(source).name if target.endswith("/") else ""), patterns)
    return env


def _copy(source: Path, target: Path, patterns: list[str]) -> None:
    for path in [source] if source.is_file() else sorted(source.rglob("*")):
        if path.is_dir() or ignored(path.relative_to(ROOT), patterns):
            continue
        place = target / path.relative_to(source) if source.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
