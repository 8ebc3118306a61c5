"""What the documentation shows: its examples, and the commands that it tells people to type."""

import re
import textwrap

import yaml

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.kubernetes.manifests import Documents


def page(name: str) -> str:
    return (REPOSITORY_ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Fenced blocks, also those inside of lists."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", page(name), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def yaml_blocks(name: str) -> Documents:
    return [
        one for block in blocks(name, "yaml") for one in yaml.safe_load_all(block) if isinstance(one, dict)
    ]


def commands(name: str) -> str:
    """All shell blocks, with lines that are continued made one."""
    return "\n".join(blocks(name, "sh")).replace("\\\n", " ")
