"""What all of this folder needs: Debian's Prometheus and Alertmanager."""

import pytest

from tests.fixtures.prometheus import require_programs


@pytest.fixture(autouse=True, scope="session")
def _programs() -> None:
    require_programs()
