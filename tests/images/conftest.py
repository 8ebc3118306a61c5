"""Both CPU images, and one house made of their processes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.images.image_folder import ImageFolder
from tests.images.little_house import LittleHouse


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ImageFolder]]:
    folder = tmp_path_factory.mktemp("images")
    temporary = folder / "tmp"
    temporary.mkdir()
    with ExitStack() as stack:
        built: dict[str, ImageFolder] = {}
        for name in ("gateway", "worker"):
            built[name] = ImageFolder(name, folder / name, temporary)
            stack.callback(built[name].remove)
        yield built


@pytest.fixture(scope="session")
def house(
    images: dict[str, ImageFolder], tmp_path_factory: pytest.TempPathFactory, _redis_of_session: RunningRedis
) -> Iterator[LittleHouse]:
    folder: Path = tmp_path_factory.mktemp("house")
    house = LittleHouse(images, folder, f"{_redis_of_session.url}?db=10")
    try:
        house.start()
        yield house
    finally:
        house.kill()
