"""What the Dockerfile says, as data, and what each image of it holds."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Instruction:
    word: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of CMD and the like, written as a list."""
        words: list[str] = json.loads(self.text)
        return words


@dataclass
class Stage:
    """From one FROM to the next."""

    name: str
    parent: str
    instructions: list[Instruction] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        return [one.text for one in self.instructions if one.word == word]


class Dockerfile:
    """Its stages by name, the last one last."""

    def __init__(self, text: str) -> None:
        self.arguments: dict[str, str] = {}
        self.stages: dict[str, Stage] = {}
        for word, rest in _logical_lines(text):
            if word == "FROM":
                parent, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
                parent = _VARIABLE.sub(lambda found: self.arguments[found[1]], parent)
                self._stage = self.stages[name] = Stage(name, parent)
            elif word == "ARG" and not self.stages:
                name, _, value = rest.partition("=")
                self.arguments[name] = value
            else:
                self._stage.instructions.append(Instruction(word, rest))

    def lineage(self, name: str) -> list[Stage]:
        """The stage and those it is built upon, the oldest first."""
        stage = self.stages[name]
        return [*(self.lineage(stage.parent) if stage.parent in self.stages else ()), stage]

    def last(self, name: str, word: str) -> Instruction:
        """The instruction that counts where each replaces the one before."""
        found = [one for stage in self.lineage(name) for one in stage.instructions if one.word == word]
        return found[-1]

    def environment(self, name: str) -> dict[str, str]:
        return dict(
            pair.split("=", 1)
            for stage in self.lineage(name)
            for text in stage.of("ENV")
            for pair in text.split()
        )

    def copied(self, name: str) -> list[tuple[list[str], str]]:
        """What a stage takes from the repository: sources, and where they go."""
        copies = [text.split() for text in self.stages[name].of("COPY") if not text.startswith("--from=")]
        return [(words[:-1], words[-1]) for words in copies]

    def packages(self, name: str) -> str:
        """The stage that installs what the image has."""
        [copy] = [text for text in self.stages[name].of("COPY") if "/app/.venv" in text]
        return copy.split()[0].removeprefix("--from=")

    def requirements(self, name: str) -> str:
        """The requirements file whose packages the image has."""
        [run] = self.stages[self.packages(name)].of("RUN")
        [file] = re.findall(r"--prepare (\S+)", run)
        return str(file)


def _logical_lines(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        yield word.upper(), rest.strip()


class Context:
    """What a build sees of a folder: all that .dockerignore does not keep out."""

    def __init__(self, root: Path) -> None:
        self._root = root
        lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        self._rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def holds(self, path: str) -> bool:
        """The last rule that fits the path, or a folder that it lies in, decides."""
        held = True
        for rule in self._rules:
            if fits(path, rule.removeprefix("!")):
                held = rule.startswith("!")
        return held

    def files(self, source: str) -> Iterator[Path]:
        """Below a source of COPY, relative to the root."""
        for found in sorted(self._root.glob(source)):
            paths = found.rglob("*") if found.is_dir() else [found]
            for path in paths:
                relative = path.relative_to(self._root)
                if path.is_file() and self.holds(relative.as_posix()):
                    yield relative

    def copy(self, dockerfile: Dockerfile, stage: str, target: Path) -> None:
        """As the COPY lines of a stage do, into a folder that stands for its working directory."""
        for sources, destination in dockerfile.copied(stage):
            for source in sources:
                for relative in self.files(source):
                    inner = relative.name if destination == "./" else relative.as_posix()
                    path = target / inner
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(self._root / relative, path)


def fits(path: str, rule: str) -> bool:
    """Whether a rule names the path, or a folder that it lies in. Of Docker's language, what ours uses."""
    anywhere, _, name = rule.rpartition("**/")
    pattern = ("(.*/)?" if anywhere or rule.startswith("**/") else "") + re.escape(name).replace(
        r"\*", "[^/]*"
    )
    return re.fullmatch(f"{pattern}(/.*)?", path) is not None
