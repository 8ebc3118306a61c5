"""The receiver in docs/webhooks.md, run as it stands there."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.paths import find_free_port
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import CALLER, ME, PostOffice
from tests.waiting import wait_until
from veilgate.domain.addresses import Reachable
from veilgate.services.webhooks.webhooks import WebhookChange


@pytest.fixture
def script(repository_root: Path, tmp_path: Path) -> Path:
    page = (repository_root / "docs/webhooks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    path = tmp_path / "receiver.py"
    path.write_text(code)
    return path


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_it_takes_what_we_sign_and_nothing_else(sqlite_shelf: Shelf, script: Path) -> None:
    port, office = find_free_port(), PostOffice(sqlite_shelf)
    office.reachable = Reachable.parse(f"127.0.0.0/8:{port}")
    made = office.webhooks.create(CALLER, WebhookChange(url=f"http://127.0.0.1:{port}/"), ME)
    process = subprocess.Popen(
        [sys.executable, str(script), str(port)],
        env={**os.environ, "WEBHOOK_SECRET": made.secret},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: listens(port), timeout_s=20, what="the receiver")
        office.webhooks.test(made.endpoint.id, OWNER)
        office.send_all()
        # From now on it knows one of two secrets, and then none.
        office.webhooks.rotate(made.endpoint.id, CALLER, ME)
        office.webhooks.test(made.endpoint.id, OWNER)
        office.send_all()
        office.webhooks.rotate(made.endpoint.id, CALLER, ME)
        office.webhooks.test(made.endpoint.id, OWNER)
        office.send_all()
    finally:
        process.kill()
        process.wait(10)
    assert [row["last_status"] for row in office.deliveries()] == [204, 204, 401]
