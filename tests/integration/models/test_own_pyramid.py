"""A detector trained here, from its file to its boxes: through the manifest, the checks and the runtime."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.integration.models.onnx_graphs import GREEN, MAGENTA, colour_detector
from tests.integration.models.pyramid_graphs import colour_pyramid, convolutions, said
from veilgate.domain.errors import ConfigurationError
from veilgate.inference.manifest import Adapter, ClassAction, LocalFile, ModelKind, ModelSpec, sha256_of
from veilgate.inference.models import DetectorOptions, load_model, offered_labels
from veilgate.inference.ports import Detector

OPTIONS = DetectorOptions()


def spec_of(folder: Path, content: bytes, *classes: str) -> ModelSpec:
    path = folder / "ours.onnx"
    path.write_bytes(content)
    return ModelSpec(
        id="ours",
        kind=ModelKind.VEHICLES,
        adapter=Adapter.VEILGATE,
        source=LocalFile(path),
        sha256=sha256_of(content),
        size_bytes=None,
        licence="MIT",
        default_threshold=0.5,
        classes=dict.fromkeys(classes, ClassAction.REPORT),
    )


def opened(folder: Path, content: bytes, *classes: str) -> Detector:
    return load_model(spec_of(folder, content, *classes), folder=folder, options=OPTIONS)


@pytest.mark.parametrize("quantised", [False, True], ids=["float32", "int8"])
def test_it_finds_what_its_file_says(tmp_path: Path, quantised: bool) -> None:
    detector = opened(tmp_path, colour_pyramid(quantised=quantised))
    pixels = np.full((256, 192, 3), 90, np.uint8)  # seen at half its size
    pixels[64:80, 32:48], pixels[128:144, 160:176] = MAGENTA, GREEN
    ((one, other),) = detector.detect([pixels], [0.9])
    assert {one.label: one.box.as_list(), other.label: other.box.as_list()} == {
        "car": [24, 56, 56, 88],
        "bus": [152, 120, 184, 152],
    }
    assert one.score == pytest.approx(1 / (1 + np.exp(-5)), abs=2e-3)


def test_pictures_of_all_forms_may_come_at_once(tmp_path: Path) -> None:
    detector = opened(tmp_path, colour_pyramid())
    sizes_wh = [(1, 5000), (5000, 1), (32, 32), (7, 13), (128, 128), (13, 7), (128, 128)]
    pictures = [np.full((height, width, 3), MAGENTA, np.uint8) for width, height in sizes_wh]
    together = detector.detect(pictures, [0.5] * len(pictures))
    assert together == [detector.detect([pixels], [0.5])[0] for pixels in pictures]
    assert [len(found) > 0 for found in together] == [
        min(size_wh) > 1
        for size_wh in sizes_wh  # a line a pixel wide fills no cell
    ]
    for (width, height), found in zip(sizes_wh, together, strict=True):
        assert all(0 <= one.box.x1 < one.box.x2 <= width for one in found)
        assert all(0 <= one.box.y1 < one.box.y2 <= height for one in found)


def test_only_classes_of_the_manifest_are_looked_for(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, colour_pyramid(), "bus")
    detector = load_model(spec, folder=tmp_path, options=OPTIONS)
    assert offered_labels(spec, detector) == ("bus",)
    assert detector.detect([np.full((128, 128, 3), MAGENTA, np.uint8)], [0.5]) == [[]]
    of_all = spec_of(tmp_path, colour_pyramid())
    assert offered_labels(of_all, load_model(of_all, folder=tmp_path, options=OPTIONS)) == ("car", "bus")
    with pytest.raises(ConfigurationError, match=r"ours\.onnx has no class 'van'; it has: car, bus"):
        opened(tmp_path, colour_pyramid(), "van")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (colour_pyramid(props={}), "does not name its classes in its metadata, as `names`"),
        (
            colour_pyramid(props={"names": said()["names"]}),
            "does not say in its metadata, as `longest_side_px`",
        ),
        (colour_pyramid(props=said(names='["car"]')), r"answers with \(\?, 6, \?, \?\)"),
        (colour_pyramid(strides=(8, 16)), "gives 2 answers"),
        (colour_pyramid(strides=(32, 16, 8)), "answers of the shapes"),
        (colour_detector(), "does not name its classes"),
        (colour_pyramid()[:-30], "is not a graph that runs here"),
    ],
)
def test_a_file_that_is_none_is_one_line_that_names_the_setting(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^VEHICLE_DETECTION_MODEL_PATH: ours\.onnx .*{complaint}"
    ) as caught:
        opened(tmp_path, content)
    assert "\n" not in caught.value.message


def test_other_bytes_than_the_manifest_means_are_not_loaded(tmp_path: Path) -> None:
    spec = dataclasses.replace(spec_of(tmp_path, colour_pyramid()), sha256="0" * 64)
    with pytest.raises(ConfigurationError, match="does not have the sha256"):
        load_model(spec, folder=tmp_path, options=OPTIONS)


def test_what_is_quantised_is_computed_in_whole_numbers() -> None:
    assert convolutions(colour_pyramid(quantised=True)) == {"u8": 3}
    assert set(convolutions(colour_pyramid())) <= {"f32", "bf16", "f16"}
