"""HEIC and AVIF where the package that decodes them is not installed."""

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.integration.api.conftest import StartGateway
from tests.unit.imaging.imaging_samples import quadrants, saved

SITE = REPOSITORY_ROOT / "tests" / "fixtures" / "without_heif_site"


def test_they_are_refused_by_name(start_gateway: StartGateway) -> None:
    gateway = start_gateway(PYTHONPATH=str(SITE))
    before = gateway.stored()
    for kind in ("HEIF", "AVIF"):
        answer = gateway.upload(saved(quadrants(), kind), "a.heic")
        assert (answer.status_code, answer.json()["code"]) == (415, "heic_not_enabled")
        assert answer.json()["detail"].endswith("send JPEG, PNG, WebP, GIF, TIFF or BMP.")
    assert gateway.stored() == before
