"""The gateway streams: what it holds does not grow with what it is sent."""

from concurrent.futures import ThreadPoolExecutor

from tests.integration.api.conftest import StartGateway
from tests.integration.api.samples import GOOD, fresh

MOST_BYTES = 200_000_000


def test_twenty_uploads_of_ten_megabytes_stay_small(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    large = GOOD + bytes(10_000_000 - len(GOOD))
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: gateway.upload(fresh(large)).status_code, range(20)))
    assert answers == [202] * 20
    assert gateway.resident_bytes() < MOST_BYTES
