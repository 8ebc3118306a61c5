"""Models side by side: every number that is told of them, from finds that are known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from veilgate.domain.detections import Box, Detection
from veilgate.domain.errors import ConfigurationError
from veilgate.services.evaluation.evaluation import Evaluation, evaluate
from veilgate.services.evaluation.labelled_pictures import UNLABELLED, LabelledPicture
from veilgate.services.evaluation.looking import Contestant

SIDE_PX = 100
Corners = tuple[int, int, int, int]
Marked = tuple[str, Corners]
SMALL, MEDIUM, LARGE = (0, 0, 9, 9), (0, 40, 10, 50), (60, 60, 90, 90)
# Where there is no box.
NOTHING = (0, 60, 30, 90)


class Reciter:
    """Says of the picture with number n what it was told to, from the threshold on."""

    def __init__(self, model_id: str, *told: Sequence[tuple[str, float, Corners]]) -> None:
        self.model_id = model_id
        self.default_threshold = 0.5
        self._told = told

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], thresholds: Sequence[float]
    ) -> list[list[Detection]]:
        return [
            [
                Detection(label, score, Box(*map(float, box)))
                for label, score, box in self._told[int(pixels[0, 0, 0])]
                if score > threshold
            ]
            for pixels, threshold in zip(pictures, thresholds, strict=True)
        ]


def labelled(name: str, *boxes: Marked) -> LabelledPicture:
    parts = np.array([box for _, box in boxes], np.float64).reshape(-1, 4) / SIDE_PX
    return LabelledPicture(Path(f"{name}.jpg"), tuple(label for label, _ in boxes), parts)


def measured(
    models: Sequence[Contestant], pictures: Sequence[LabelledPicture], classes: Sequence[str] = ()
) -> Evaluation:
    numbers = {picture.path: number for number, picture in enumerate(pictures)}

    def read(picture: LabelledPicture) -> NDArray[np.uint8]:
        return np.full((SIDE_PX, SIDE_PX, 3), numbers[picture.path], np.uint8)

    return evaluate(models, pictures, read=read, classes=classes)


def test_each_model_is_judged_by_itself_in_its_order() -> None:
    pictures = [labelled("a", ("car", SMALL), ("bus", LARGE)), labelled("b", ("car", MEDIUM))]
    good = Reciter("good", [("car", 0.9, SMALL), ("bus", 0.8, LARGE)], [("car", 0.7, MEDIUM)])
    poor = Reciter("poor", [("bus", 0.9, SMALL), ("car", 0.8, LARGE)], [("car", 0.002, MEDIUM)])
    names = ("car", "bus")
    found = measured([Contestant(good, names), Contestant(poor, names)], pictures)
    assert found.models == ("good", "poor")
    [part] = found.parts
    assert (part.source, part.pictures, part.boxes) == ("all", 2, {"car": 2, "bus": 1})
    assert (part.sizes, part.mean_over) == ({"small": 1, "medium": 1, "large": 1}, names)
    best, worst = part.qualities
    assert best.ap50 == best.ap50_95 == {"car": 1.0, "bus": 1.0}
    assert (best.mean_ap50, best.mean_ap50_95, best.any_ap50) == (1, 1, 1)
    assert best.recall is not None
    assert (best.recall.recall, best.recall.from_score) == (1, 0.7)
    # Of its two cars the first is wrong, the second is right: 1/2 at half the recall. Its bus is wrong.
    assert worst.ap50 == {"car": 0.25, "bus": 0}
    assert worst.mean_ap50 == 0.125
    # The kinds aside, all it says is right.
    assert worst.any_ap50 == 1


def test_recall_is_told_by_size_at_one_threshold_for_all_classes() -> None:
    pictures = [labelled("a", ("car", SMALL), ("bus", MEDIUM), ("bus", LARGE))]
    sure = [("bus", 0.9, LARGE), ("car", 0.8, MEDIUM), ("car", 0.7, SMALL), ("bus", 0.6, MEDIUM)]
    found = measured([Contestant(Reciter("one", sure), ("car", "bus"))], pictures)
    recall = found.parts[0].qualities[0].recall
    # From 0.6 on one of four is wrong, which is too many; from 0.9 on none.
    assert recall is not None
    assert (recall.from_score, recall.recall) == (0.9, 1 / 3)
    assert recall.by_size == {"small": 0, "medium": 0, "large": 1}


def test_the_stricter_measure_asks_for_more_overlap() -> None:
    # Shares 64 of 100 parts: enough for 0.50, 0.55 and 0.60 of the ten.
    pictures = [labelled("a", ("car", (0, 0, 50, 50)))]
    loose = Reciter("loose", [("car", 0.9, (0, 0, 40, 40))])
    quality = measured([Contestant(loose, ("car",))], pictures).parts[0].qualities[0]
    assert quality.ap50 == {"car": 1}
    assert quality.ap50_95 == {"car": pytest.approx(0.3)}


def test_a_class_that_a_model_has_not_is_left_out_of_every_mean() -> None:
    pictures = [labelled("a", ("car", LARGE), ("rickshaw", SMALL))]
    both = Contestant(Reciter("both", [("car", 0.9, LARGE)]), ("car", "rickshaw"))
    cars = Contestant(Reciter("cars", [("car", 0.9, LARGE)]), ("car", "train"))
    [part] = measured([both, cars], pictures).parts
    assert part.mean_over == ("car",)
    assert [one.ap50 for one in part.qualities] == [
        {"car": 1, "rickshaw": 0},
        {"car": 1, "rickshaw": None},
    ]
    assert [one.mean_ap50 for one in part.qualities] == [1, 1]
    assert [one.recall.recall for one in part.qualities if one.recall] == [1, 1]
    # One of the two finds rickshaws, so that both are asked for vehicles of that kind too.
    assert [one.any_ap50 for one in part.qualities] == [0.5, 0.5]


def test_a_class_that_no_model_has_is_judged_by_nobody() -> None:
    pictures = [labelled("a", ("car", LARGE), ("horse", MEDIUM))]
    cars = Contestant(Reciter("cars", [("car", 0.95, MEDIUM), ("car", 0.9, LARGE)]), ("car",))
    [quality] = measured([cars], pictures).parts[0].qualities
    assert quality.ap50 == {"car": 0.5}
    assert quality.any_ap50 == 1


def test_a_vehicle_whose_type_nobody_knows_counts_only_as_some_vehicle() -> None:
    pictures = [labelled("a", (UNLABELLED, LARGE), ("car", SMALL), (UNLABELLED, MEDIUM))]
    told = [("bus", 0.9, LARGE), ("car", 0.85, LARGE), ("car", 0.8, SMALL), ("bus", 0.7, NOTHING)]
    [part] = measured([Contestant(Reciter("one", told), ("car", "bus"))], pictures).parts
    [quality] = part.qualities
    assert quality.ap50 == {"car": 1}
    # Two of three; what has two names is found once, and what is nothing comes too late to count.
    assert quality.any_ap50 == pytest.approx(2 / 3)
    [worse] = measured(
        [Contestant(Reciter("one", [*told, ("car", 0.95, NOTHING)]), ("car", "bus"))], pictures
    ).parts
    assert worse.qualities[0].any_ap50 == pytest.approx(2 / 3 * 2 / 3)
    assert part.any_sizes == {"small": 1, "medium": 1, "large": 1}


def test_sources_have_their_own_numbers_before_those_of_all() -> None:
    pictures = [labelled("road_1", ("car", LARGE)), labelled("town_1", ("car", LARGE)), labelled("town_2")]
    only_roads = Reciter("one", [("car", 0.9, LARGE)], [], [])
    found = measured([Contestant(only_roads, ("car",))], pictures)
    assert [(part.source, part.pictures) for part in found.parts] == [("road", 1), ("town", 2), ("all", 3)]
    assert [part.qualities[0].ap50["car"] for part in found.parts] == [1, 0, 0.5]


def test_the_classes_may_be_chosen_but_not_made_up() -> None:
    pictures = [labelled("a", ("car", LARGE), ("bus", SMALL))]
    models = [Contestant(Reciter("one", [("car", 0.9, LARGE)]), ("car", "bus"))]
    [part] = measured(models, pictures, ["car"]).parts
    assert (part.mean_over, part.qualities[0].mean_ap50) == (("car",), 1)
    with pytest.raises(
        ConfigurationError, match=r"^--classes: there is no box of 'tram'; there are: bus, car$"
    ):
        measured(models, pictures, ["car", "tram"])
    blind = [Contestant(Reciter("one", []), ("car",))]
    with pytest.raises(ConfigurationError, match=r"^--classes: no model finds 'bus'$"):
        measured(blind, pictures, ["car", "bus"])


def test_pictures_without_any_box_have_no_quality_but_a_speed() -> None:
    found = measured([Contestant(Reciter("one", [("car", 0.9, LARGE)]), ("car",))], [labelled("a")])
    [quality] = found.parts[0].qualities
    assert (quality.mean_ap50, quality.recall, quality.any_ap50, quality.any_recall) == (None,) * 4
    [speed] = found.speeds
    assert speed.whole_ms > 0
    assert (speed.whole_factor, speed.model_factor) == (1, None)
