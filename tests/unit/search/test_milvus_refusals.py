"""A Milvus that is not there, or cannot be."""

import sys

import pytest

from veilgate.domain.errors import ConfigurationError, SearchUnavailable
from veilgate.search.milvus_index import open_milvus_index


def test_without_pymilvus_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ConfigurationError, match=r"VECTOR_INDEX.*requirements-extras\.txt"):
        open_milvus_index("http://127.0.0.1:9", "", model_id="model", dimensions=4)


def test_without_an_address_it_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="MILVUS_URI"):
        open_milvus_index("", "", model_id="model", dimensions=4)


def test_nobody_answers() -> None:
    with pytest.raises(SearchUnavailable, match="Milvus"):
        open_milvus_index("http://127.0.0.1:9", "", model_id="model", dimensions=4)
