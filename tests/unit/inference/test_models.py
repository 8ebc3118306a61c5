"""Loading: what is missing, what is damaged, and what may come later."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from veilgate.domain.errors import ConfigurationError, ModelMissing
from veilgate.inference.fake import MagentaDetector
from veilgate.inference.manifest import (
    Download,
    LocalFile,
    ModelKind,
    ModelSpec,
    PackageFile,
    read_manifest,
    sha256_of,
)
from veilgate.inference.model_files import locate
from veilgate.inference.model_slot import ModelSlot, open_slot
from veilgate.inference.models import DetectorOptions, load_from, load_model
from veilgate.inference.ports import Detector

OPTIONS = DetectorOptions()


@pytest.fixture
def spec(repository_root: Path) -> ModelSpec:
    manifest = read_manifest(repository_root / "models" / "manifest.toml")
    return manifest.resolve("fastestdet", ModelKind.VEHICLES)


@pytest.fixture
def detector() -> Detector:
    return MagentaDetector(model_id="fake", default_threshold=0.5, delay_s=0)


def loader(spec: ModelSpec, folder: Path) -> Callable[[Path | None], Detector]:
    return partial(load_from, spec=spec, folder=folder, options=OPTIONS)


def test_a_missing_file_is_a_missing_model(spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"fastestdet is not there: FastestDet\.onnx"):
        load_model(spec, folder=tmp_path, options=OPTIONS)


def test_a_missing_package_is_a_missing_model(spec: ModelSpec, tmp_path: Path) -> None:
    absent = replace(spec, source=PackageFile("no_such_package", "x.onnx"))
    with pytest.raises(ModelMissing, match="package no_such_package, which is not installed"):
        locate(absent, folder=tmp_path)


def test_other_bytes_than_the_manifest_means_are_not_loaded(spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "FastestDet.onnx").write_bytes(b"something else")
    with pytest.raises(ConfigurationError, match="does not have the sha256"):
        load_model(spec, folder=tmp_path, options=OPTIONS)


def test_bytes_that_are_no_graph_are_a_configuration_error(spec: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "FastestDet.onnx"
    path.write_bytes(b"not a graph")
    damaged = replace(spec, source=LocalFile(path), sha256=sha256_of(b"not a graph"))
    with pytest.raises(
        ConfigurationError, match=r"^VEHICLE_DETECTION_MODEL_PATH: FastestDet.onnx is not a graph"
    ):
        load_model(damaged, folder=tmp_path, options=OPTIONS)


def test_a_slot_waits_then_serves(spec: ModelSpec, detector: Detector) -> None:
    slot: ModelSlot[Detector] = ModelSlot(spec.id, spec.sha256)
    slot.miss("HTTP Error 404")
    assert slot.get() is None
    waiting = slot.state()
    assert (waiting["id"], waiting["state"], waiting["reason"]) == ("fastestdet", "missing", "HTTP Error 404")
    slot.fill(lambda: detector)
    assert slot.get() is detector
    ready = slot.state()
    assert (ready["state"], ready["reason"], ready["sha256"]) == ("ready", None, spec.sha256)


def test_a_slot_says_that_what_came_does_not_work(spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "FastestDet.onnx").write_bytes(b"something else")
    slot, fetcher = open_slot(spec, folder=tmp_path, load=loader(spec, tmp_path), fetch=False)
    assert fetcher is None
    assert slot.get() is None
    assert slot.state()["state"] == "failed"


def test_a_missing_download_comes_with_a_fetcher_only_when_fetching_is_allowed(
    spec: ModelSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(spec.source, Download)
    slot, fetcher = open_slot(spec, folder=tmp_path, load=loader(spec, tmp_path), fetch=True)
    assert slot.state()["state"] == "missing"
    assert fetcher is not None
    assert "model.missing" not in capsys.readouterr().out
    _, none = open_slot(spec, folder=tmp_path, load=loader(spec, tmp_path), fetch=False)
    assert none is None
    assert "model.missing" in capsys.readouterr().out, "nobody will fetch it"
