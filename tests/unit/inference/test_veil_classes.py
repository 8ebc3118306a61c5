"""Which classes are veiled, and that it is never none by mistake."""

import re

import pytest

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.manifest import Adapter, ClassAction, ModelKind, ModelSpec
from veilgate.inference.veil_classes import veiled_labels

OFFERED = ("face", "plate", "car")


def spec(**classes: str) -> ModelSpec:
    actions = {label: ClassAction(action) for label, action in classes.items()}
    return ModelSpec("own", ModelKind.FACES, Adapter.YOLO, None, None, None, "MIT", 0.2, actions)


@pytest.mark.parametrize(
    ("line", "setting", "veiled"),
    [
        (spec(face="veil", plate="veil", car="report"), "", ("face", "plate")),
        (spec(face="veil", plate="veil", car="report"), "car", ("car",)),
        (spec(face="veil", plate="report", car="report"), "plate, face", ("plate", "face")),
        (spec(), "", ("face",)),
        (spec(), "  ", ("face",)),
        (spec(), "plate,car,plate", ("plate", "car")),
    ],
)
def test_the_setting_decides_then_the_manifest_then_the_name_face(
    line: ModelSpec, setting: str, veiled: tuple[str, ...]
) -> None:
    assert veiled_labels(line, setting, offered=OFFERED) == veiled


@pytest.mark.parametrize(
    ("line", "setting", "offered", "complaint"),
    [
        (spec(), "nose", OFFERED, "it names 'nose', and own has no such class; it has: face, plate, car"),
        (spec(), "face,Plate", OFFERED, "it names 'Plate', and own has no such class (but 'plate')"),
        (spec(), "", ("Face", "car"), "empty means 'face', and own has no such class (but 'Face')"),
        (spec(), "", ("person", "car"), "empty means 'face', and own has no such class; it has: person, car"),
        (spec(), "", (), "empty means 'face'"),
        (spec(face="report"), "", ("face",), "own has no class marked veil; name some of: face"),
        (spec(), "face,,car", OFFERED, "a comma too many"),
        (spec(), ",", OFFERED, "a comma too many"),
        (spec(), "", tuple(f"c{n}" for n in range(80)), "c18, c19 and 60 more"),
    ],
)
def test_what_would_veil_nothing_is_refused(
    line: ModelSpec, setting: str, offered: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"^BLUR_TARGETS: ") as caught:
        veiled_labels(line, setting, offered=offered)
    assert re.search(re.escape(complaint), caught.value.message)
    assert "\n" not in caught.value.message
