"""The settings of search, and of how long originals are kept."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from veilgate.settings.checks import VectorIndexKind
from veilgate.settings.group import Group

# The kernel takes 107 bytes for the path of a Unix socket.
LONGEST_SOCKET_PATH = 100


def short_socket_path(wanted: Path) -> Path:
    """This path, or a short one that stands for it where a socket could not be made."""
    path = wanted.resolve()
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"veilgate-{os.getuid()}-{digest}" / path.name


class SearchSettings(Group):
    """How pictures are found again, and how long originals are kept."""

    embedding_model_path: str = Field(
        "descriptor-v1",
        description="What likeness is measured with: manifest id or .onnx file; with another one everything "
        "is embedded anew in the background, and it answers when that is done.",
    )
    near_duplicate_score: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Likeness from which an image is a near-duplicate; empty = as the model says.",
    )
    search_url: str = Field(
        "",
        description="Where the gateway finds the search server, as http://search:8100; empty = on a socket "
        "in DATA_DIR, where `make run` starts one.",
    )
    search_host: str = Field(
        "127.0.0.1", description="Address the search server listens on, where SEARCH_URL is given."
    )
    search_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        8100, description="Port the search server listens on, where SEARCH_URL is given."
    )
    vector_index: VectorIndexKind = Field(
        VectorIndexKind.FAISS, description="`faiss` = in the search server itself; `milvus` = in a Milvus."
    )
    milvus_uri: str = Field("", description="Address of the Milvus server, as http://milvus:19530.")
    milvus_token: SecretStr = Field(SecretStr(""), description="What Milvus asks for, as user:password.")
    originals_kept_days: Annotated[int, Field(ge=0, le=36_500)] = Field(
        0, description="After so many days originals are deleted and only veiled copies kept; 0 = never."
    )
    public_base_url: str = Field(
        "",
        description="Where callers reach the gateway, or a CDN before it, as https://cdn.example; then "
        "answers carry whole addresses, and whoever stands between may keep veiled pictures.",
    )

    def socket_path(self, data_dir: Path) -> Path:
        """Where the search server of this DATA_DIR listens when there is no SEARCH_URL."""
        return short_socket_path(data_dir / "search" / "search.sock")
