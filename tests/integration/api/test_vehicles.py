"""Vehicles are found by a house as it comes: default settings, nothing fetched."""

import io
from typing import Any

import pytest
from PIL import Image
from skimage import data

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from veilgate.inference.manifest import ModelKind, read_manifest
from veilgate.wiring.resources import models_folder

MOTORCYCLE = [80, 45, 685, 450]  # by eye, within 741 × 500


def photo_of_a_motorcycle() -> bytes:
    spool = io.BytesIO()
    left, _right, _disparity = data.stereo_motorcycle()
    Image.fromarray(left).save(spool, "JPEG", quality=95)
    return spool.getvalue()


def test_a_motorcycle_is_found_out_of_the_box(working_house: Gateway) -> None:
    model = working_house.http.get("/health").json()["models"]["vehicles"]
    spec = read_manifest(models_folder() / "manifest.toml").resolve("vehicles-v1", ModelKind.VEHICLES)
    assert (model["id"], model["state"], model["reason"]) == (spec.id, "ready", None)
    assert model["sha256"] == spec.sha256

    document = working_house.ended(working_house.accepted_job(fresh(photo_of_a_motorcycle())))
    assert document["status"] == "completed", document
    found: dict[str, Any] = document["results"]["detection_metadata"]
    assert found["model"] == spec.id
    assert found["threshold"] == spec.default_threshold
    [motorcycle] = [one for one in found["vehicles"] if one["label"] == "motorcycle"]
    assert motorcycle["box"] == pytest.approx(MOTORCYCLE, abs=60)
    images = working_house.http.get("/images", params={"vehicle": "motorcycle"}).json()["images"]
    assert document["image_id"] in [image["image_id"] for image in images]
