"""From EMBEDDING_MODEL_PATH to vectors: files of the user's own, CLIP, lines of the manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.integration.models.embedding_graphs import DIMENSIONS, picture_tower, text_tower, tokenizer
from tests.integration.models.onnx_graphs import constant_answers
from veilgate.domain.errors import ConfigurationError, ModelMissing
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder, open_embedder_slot
from veilgate.inference.embedders.descriptor import Descriptor
from veilgate.inference.manifest import Manifest, ModelKind, read_manifest, sha256_of
from veilgate.inference.ports import Embedder, TextEmbedder

RED, GREEN, BLUE = (250, 2, 2), (2, 250, 2), (2, 2, 250)


def picture(colour: tuple[int, int, int], *, size_wh: tuple[int, int] = (60, 40)) -> NDArray[np.uint8]:
    return np.full((size_wh[1], size_wh[0], 3), colour, np.uint8)


def opened(folder: Path, setting: str | Path, *lines: str, score: float | None = None) -> Embedder:
    manifest = folder / "manifest.toml"
    manifest.write_text("\n".join(lines))
    choice = EmbedderChoice(str(setting), score)
    return open_embedder(choice, manifest_path=manifest, fetched_folder=folder / "fetched")


def own_file(folder: Path, content: bytes) -> Path:
    path = folder / "mine.onnx"
    path.write_bytes(content)
    return path


def line(*, source: str, sha256: str, **more: Any) -> str:
    fields = {
        "id": "ours", "kind": "embedder", "adapter": "onnx", "source": source, "sha256": sha256,
        "licence": "ours", "default_threshold": 0.9,
    }  # fmt: skip
    stated = "\n".join(f"{key} = {value!r}" for key, value in {**fields, **more}.items())
    return f"[[model]]\n{stated}\n"


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), ("n", 3, "h", "w"), (1, 3, 24, 48), ("n", 3, 32, 32)])
def test_a_file_of_ones_own_embeds_pictures_of_any_shape(
    tmp_path: Path, shape: tuple[int | str, ...]
) -> None:
    content = picture_tower(input_shape=shape)
    embedder = opened(tmp_path, own_file(tmp_path, content), score=0.8)
    assert embedder.model_id == f"mine@{sha256_of(content)[:12]}"
    assert (embedder.dimensions, embedder.near_duplicate_score) == (DIMENSIONS, 0.8)
    assert not isinstance(embedder, TextEmbedder)
    views = [picture(RED), picture(RED, size_wh=(1, 300)), picture(GREEN, size_wh=(300, 1)), picture(BLUE)]
    rows = embedder.embed(views)
    assert rows.shape == (4, DIMENSIONS)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    likeness = rows @ rows.T
    assert likeness[0, 1] == pytest.approx(1, abs=1e-5)
    assert np.abs(likeness[0, 2:]).max() < 0.9
    alone = np.concatenate([embedder.embed([view]) for view in views])
    assert np.array_equal(alone, rows)


def test_no_pictures_are_no_rows(tmp_path: Path) -> None:
    embedder = opened(tmp_path, own_file(tmp_path, picture_tower()))
    assert embedder.embed([]).shape == (0, DIMENSIONS)


def test_a_line_of_the_manifest_says_what_the_network_was_trained_with(tmp_path: Path) -> None:
    content = picture_tower(input_shape=("n", 3, "h", "w"))
    own_file(tmp_path, content)
    embedder = opened(
        tmp_path,
        "ours",
        line(
            source="file:mine.onnx", sha256=sha256_of(content), mean=[0.5] * 3, std=[0.5] * 3, input_size=16
        ),
    )
    (row,) = embedder.embed([picture((255, 255, 0))])
    assert row[:3] == pytest.approx(np.array([1, 1, -1]) / np.sqrt(3), abs=1e-5)
    assert (embedder.model_id, embedder.near_duplicate_score) == ("ours", 0.9)


def test_a_picture_that_it_makes_nothing_of_becomes_a_row_of_no_numbers(tmp_path: Path) -> None:
    content = picture_tower()
    own_file(tmp_path, content)
    black = line(source="file:mine.onnx", sha256=sha256_of(content), mean=[0.0] * 3, std=[1.0] * 3)
    dark, red = opened(tmp_path, "ours", black).embed([picture((0, 0, 0)), picture(RED)])
    assert not np.isfinite(dark).any()
    assert np.isfinite(red).all()


def clip_line(folder: Path, *, text: bytes) -> str:
    files = {"image.onnx": picture_tower(), "text.onnx": text, "tokenizer.json": tokenizer()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    image_sha256, text_sha256, tokenizer_sha256 = (sha256_of(content) for content in files.values())
    return line(
        adapter="clip", source="file:image.onnx", sha256=image_sha256,
        text_source="file:text.onnx", text_sha256=text_sha256,
        tokenizer_source="file:tokenizer.json", tokenizer_sha256=tokenizer_sha256,
        mean=[0.0] * 3, std=[1.0] * 3,
    )  # fmt: skip


@pytest.mark.parametrize("length", [77, 5, "tokens"])
@pytest.mark.parametrize("with_mask", [True, False])
def test_clip_embeds_words_close_to_the_pictures_they_describe(
    tmp_path: Path, length: int | str, with_mask: bool
) -> None:
    embedder = opened(
        tmp_path, "ours", clip_line(tmp_path, text=text_tower(with_mask=with_mask, length=length))
    )
    assert isinstance(embedder, TextEmbedder)
    pictures = embedder.embed([picture(RED), picture(GREEN), picture(BLUE)])
    texts = embedder.embed_texts(["a red picture", "Green", "a picture of blue, blue and dark " + "a " * 99])
    assert np.linalg.norm(texts, axis=1) == pytest.approx(1)
    assert (pictures @ texts.T).argmax(axis=0).tolist() == [0, 1, 2]


def test_towers_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"12 numbers for a picture, and with 16 for a text"):
        opened(tmp_path, "ours", clip_line(tmp_path, text=text_tower(dimensions=16)))


@pytest.mark.parametrize("name", ["text.onnx", "tokenizer.json"])
def test_each_file_of_clip_is_the_one_that_is_meant(tmp_path: Path, name: str) -> None:
    stated = clip_line(tmp_path, text=text_tower())
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ConfigurationError, match=rf"^EMBEDDING_MODEL_PATH: {name} does not have the sha256"):
        opened(tmp_path, "ours", stated)
    (tmp_path / name).unlink()
    with pytest.raises(ConfigurationError, match=rf"^EMBEDDING_MODEL_PATH: {name}, which ours needs"):
        opened(tmp_path, "ours", stated)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"junk" * 99, "is not a graph that runs here"),
        (b"\xff\xd8\xff" * 30, "is no ONNX file but a JPEG picture"),
        (constant_answers((1, 7, 8), props={}), r"answers with \(1, 7, 8\)"),
        (constant_answers((1, 3), value=1.0, props={}), r"a vector of 8 to 16000 is needed"),
        (constant_answers((1, 20), value=float("nan"), props={}), "not finite"),
        (constant_answers((1, 20), input_shape=(1, 1, 28, 28), props={}), r"takes \(1, 1, 28, 28\)"),
        (constant_answers((1, 20), inputs=("one", "two"), props={}), "takes 2 inputs"),
    ],
)
def test_what_does_not_embed_is_refused_by_the_name_of_the_setting(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^EMBEDDING_MODEL_PATH: mine.onnx .*{complaint}"):
        opened(tmp_path, own_file(tmp_path, content))


def test_a_wrong_embedder_is_a_failed_slot_and_no_failed_worker(tmp_path: Path) -> None:
    for setting in ("nonsense", str(own_file(tmp_path, b"junk" * 99))):
        slot, fetcher = open_embedder_slot(EmbedderChoice(setting), Manifest(()), folder=tmp_path, fetch=True)
        assert slot.get() is None
        assert fetcher is None
        assert slot.state()["state"] == "failed"
        assert str(slot.state()["reason"]).startswith("EMBEDDING_MODEL_PATH: ")


def test_weights_that_are_not_here_yet_are_fetched(repository_root: Path, tmp_path: Path) -> None:
    ours = repository_root / "models" / "manifest.toml"
    choice = EmbedderChoice("efficientnet-b0")
    slot, fetcher = open_embedder_slot(choice, read_manifest(ours), folder=tmp_path, fetch=True)
    assert slot.state()["state"] == "missing"
    assert fetcher is not None
    with pytest.raises(ModelMissing, match="EMBEDDING_MODEL_PATH"):
        open_embedder(choice, manifest_path=ours, fetched_folder=tmp_path)


def test_the_default_needs_no_file_and_no_runtime(repository_root: Path, tmp_path: Path) -> None:
    ours = repository_root / "models" / "manifest.toml"
    choice = EmbedderChoice("descriptor-v1")
    embedder = open_embedder(choice, manifest_path=ours, fetched_folder=tmp_path)
    spec = read_manifest(ours).resolve("descriptor-v1", ModelKind.EMBEDDER)
    assert embedder.model_id == spec.id
    # Said in two places, for benchmarks that read no manifest.
    assert embedder.near_duplicate_score == spec.default_threshold == Descriptor.near_duplicate_score
    stricter = open_embedder(
        EmbedderChoice("descriptor-v1", 0.99), manifest_path=ours, fetched_folder=tmp_path
    )
    assert stricter.near_duplicate_score == 0.99
