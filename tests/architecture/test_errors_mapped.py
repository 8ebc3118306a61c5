"""Every error has a code that clients can rely on, and a status."""

import importlib

from veilgate.domain import errors, provider_errors, rejections
from veilgate.domain.errors import VeilgateError

HOMES = {errors.__name__, provider_errors.__name__, rejections.__name__}


def leaves(of: type[VeilgateError]) -> list[type[VeilgateError]]:
    """The classes of the tree that nothing in it refines."""
    below = [kind for kind in of.__subclasses__() if kind.__module__ in HOMES]
    return [leaf for kind in below for leaf in leaves(kind)] if below else [of]


def all_kinds(of: type[VeilgateError]) -> list[type[VeilgateError]]:
    return [of, *(kind for below in of.__subclasses__() for kind in all_kinds(below))]


def test_codes_are_unique() -> None:
    codes = [kind.__dict__["code"] for kind in all_kinds(VeilgateError) if "code" in kind.__dict__]
    assert sorted(codes) == sorted(set(codes))


def test_every_leaf_has_a_code_of_its_own() -> None:
    assert [leaf.__name__ for leaf in leaves(VeilgateError) if "code" not in leaf.__dict__] == []


def test_every_error_reads_as_a_sentence() -> None:
    for leaf in leaves(VeilgateError):
        message = leaf().message
        assert message.endswith("."), f"{leaf.__name__}: {message!r}"
        assert len(message) < 120, f"{leaf.__name__}: {message!r}"


def test_every_error_lives_in_the_one_tree() -> None:
    importlib.import_module("veilgate.api.problems")
    strangers = {kind for kind in all_kinds(VeilgateError) if kind.__module__ not in HOMES}
    assert strangers == set()


def test_every_leaf_has_a_status() -> None:
    problems = importlib.import_module("veilgate.api.problems")
    statuses: dict[type[VeilgateError], int] = problems.STATUS_BY_ERROR
    for leaf in leaves(VeilgateError):
        status = next((statuses[kind] for kind in leaf.__mro__ if kind in statuses), None)
        assert status is not None, f"{leaf.__name__} has no row in STATUS_BY_ERROR"
        assert 400 <= status < 600
