"""What the tests of this folder share: the way in of docker-compose.yml."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.containers.gateways_behind_nginx import WayIn
from tests.fixtures.debian import why_missing
from tests.fixtures.private_redis import RunningRedis


@pytest.fixture(scope="session")
def way_in(_redis_of_session: RunningRedis) -> Iterator[WayIn]:
    """With two gateways, at 127.0.0.2 and 127.0.0.3."""
    if why := why_missing(("nginx",), ("nginx",)):
        pytest.skip(why)
    with ExitStack() as stack:
        # Not tmp_path: run by root, nginx' own processes are nobody's, whom pytest's folders keep out.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vg-nginx-")))
        folder.chmod(0o755)
        way_in = WayIn(folder, f"{_redis_of_session.url}?db=9", stack)
        for address in ("127.0.0.2", "127.0.0.3"):
            way_in.add_gateway(address)
        yield way_in
