"""A whole run at LOG_LEVEL=DEBUG, with everything going wrong at its end: nobody says a secret aloud."""

import pytest

from tests.integration.whole_run import Run

# The whole run takes half a minute on a machine that does nothing else.
pytestmark = pytest.mark.timeout(300)


def test_no_secret_is_seen_and_nothing_private_is_logged(whole_run: Run) -> None:
    assert len(whole_run.secrets) > 20
    assert len(whole_run.private) > 10
    assert "\n".join(whole_run.leaks()) == ""
