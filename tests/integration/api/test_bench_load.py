"""What the benchmarks send is taken: a gateway that refuses it would be measured refusing."""

import importlib
from pathlib import Path

import pytest

import bench
from bench.busy_connections import Questions, Uploads
from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import connect, read_answer
from tests.integration.api.samples import picture

# `plot` runs with the libraries of its own environment.
MODULES = sorted(path.stem for path in Path(bench.__file__).parent.glob("[a-z]*.py") if path.stem != "plot")


@pytest.mark.parametrize("name", MODULES)
def test_every_part_can_be_loaded(name: str) -> None:
    importlib.import_module(f"bench.{name}")


def test_its_questions_are_answered(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(next(Questions(("/stats",))()))
        assert read_answer(connection).status == 200


def test_its_uploads_are_accepted(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(next(Uploads((picture(),))()))
        assert read_answer(connection).status == 202
