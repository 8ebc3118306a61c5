"""PRICES_FILE: what it may say, and what is said of a file that is wrong."""

from pathlib import Path

import pytest

from veilgate.domain.cost import EXAMPLE_PRICES, MachinePrice, Prices
from veilgate.domain.errors import ConfigurationError
from veilgate.services.overview.prices import read_prices

WHOLE = """
as_of = 2026-11-21
usd_a_gb_month = 0.02
usd_a_device_hour = 1

[machines.metal]
usd_an_hour = 0.4
here = true

[machines.gpu]
usd_an_hour = 2
images_a_second = 140.0
measured = "by the vendor"
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return str(path)


def test_a_whole_table(tmp_path: Path) -> None:
    metal = MachinePrice("metal", 0.4, None, "as PRICES_FILE says", is_here=True)
    gpu = MachinePrice("gpu", 2.0, 140.0, "by the vendor")
    said = "prices.toml, as of 2026-11-21"
    assert read_prices(written(tmp_path, WHOLE)) == Prices(said, (metal, gpu), 0.02, 1.0)


def test_what_is_not_said_is_not_known(tmp_path: Path) -> None:
    assert read_prices(written(tmp_path, "")) == Prices("prices.toml")


def test_without_a_file_there_are_examples_that_say_so() -> None:
    assert read_prices("") is EXAMPLE_PRICES
    assert EXAMPLE_PRICES.are_examples
    assert "examples of November 2026" in EXAMPLE_PRICES.said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("usd_a_gb_month = -1", "usd_a_gb_month must be a number from 0 up"),
        ("usd_a_gb_month = nan", "usd_a_gb_month must be a number"),
        ("usd_a_gb_month = true", "usd_a_gb_month must be a number"),
        ('usd_a_gb_month = "0.02"', "usd_a_gb_month must be a number"),
        ("usd_per_gb = 1", "usd_per_gb is none of"),
        ("[machines.a]\nprice = 1", "machines.a.price is none of"),
        ("[machines.a]\nhere = true", "machines.a needs usd_an_hour"),
        ("machines = 3", "machines must be tables"),
        ("machines.a = 3", "machines must be tables"),
        ("usd_a_gb_month", "is no TOML"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PRICES_FILE: ") as refused:
        read_prices(written(tmp_path, text))
    assert said in refused.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read \(FileNotFoundError\)"):
        read_prices(str(tmp_path / "none.toml"))
