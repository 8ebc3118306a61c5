"""An image of the Dockerfile as a folder of this machine, in which nobody may write."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.containers.dockerfile import Context, Dockerfile
from tests.fixtures.paths import REPOSITORY_ROOT

_INSTALL_TIMEOUT_S = 600
# Root without root's rights, as with cap_drop: it cannot write where its own permission bits say no. Another
# user could not read the interpreter of many a developer's machine.
_POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
DOCKERFILE = Dockerfile((REPOSITORY_ROOT / "Dockerfile").read_text(encoding="utf-8"))


class ImageFolder:
    """`start` and `run` do as its container would, with `settings` beside the image's own environment."""

    def __init__(self, name: str, folder: Path, temporary: Path) -> None:
        self.name, self.folder = name, folder
        folder.mkdir()
        self._install()
        Context(REPOSITORY_ROOT).copy(DOCKERFILE, "source", folder)
        _make_read_only(folder)
        self._environment = {
            **DOCKERFILE.environment(name),
            "PATH": f"{folder}/.venv/bin:/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": str(temporary),
        }
        self.held = self.files()

    def _install(self) -> None:
        """By the very line that the build runs."""
        context = Context(REPOSITORY_ROOT)
        context.copy(DOCKERFILE, "installer", self.folder)
        [line] = DOCKERFILE.stages[DOCKERFILE.packages(self.name)].of("RUN")
        command = re.sub(r"--mount=\S+\s+", "", line)
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        for path in (self.folder / "start.sh", *self.folder.glob("requirements*.txt")):
            path.unlink()

    def files(self) -> set[Path]:
        return {path for path in self.folder.rglob("*") if path.is_file()}

    def distributions(self) -> set[str]:
        found = self.folder.glob(".venv/lib/python*/site-packages/*.dist-info")
        return {path.name.partition("-")[0].lower().replace("_", "-") for path in found}

    def start(self, *words: str, log: Path, **settings: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                self._command(words),
                cwd=self.folder,
                env={**self._environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(words),
            cwd=self.folder,
            env={**self._environment, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def remove(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        self.folder.chmod(0o755)
        shutil.rmtree(self.folder)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        powerless = _POWERLESS if os.getuid() == 0 else ()
        return [*powerless, f"{self.folder}/.venv/bin/python", *words]


def _make_read_only(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)
