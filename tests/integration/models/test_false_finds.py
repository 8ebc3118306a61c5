"""What the default finds where there is no vehicle: as its card says, by the command that the card names."""

import pytest

from bench import false_finds

KNOWN = ["coffee: car", "retina: car"]


def test_it_takes_no_drawn_scene_for_a_vehicle_and_two_photos(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(false_finds, "_SCENES", 24)
    false_finds.main(["--model", "vehicles-v1"])
    said = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "0 of 20 drawn scenes show a vehicle to it, and none to us" in said
    assert [line.rpartition(" ")[0] for line in said[-2:]] == KNOWN
    assert said[-3].startswith("2 of "), said
