"""What the console does when nobody reads, and when nobody watches."""

import subprocess
import sys
from pathlib import Path

import pytest

from veilgate.cli.console import StatusLine


def test_who_reads_no_further_ends_the_command_without_a_word(repository_root: Path) -> None:
    code = "from veilgate.cli.console import show\nfor _ in range(100_000): show('x' * 100)"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=repository_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, b"")


def test_where_nobody_watches_there_is_no_status_line(capsys: pytest.CaptureFixture[str]) -> None:
    StatusLine().put("500 images")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_one_line_is_written_over_and_cleared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    line = StatusLine()
    line.put("500 images " + "x" * 200)
    line.put("")
    out, err = capsys.readouterr()
    assert out == ""
    assert "\n" not in err
    assert max(len(part) for part in err.split("\r")) < 90
    assert err.endswith("\r\033[K")
