"""`veilgate index rebuild` and `veilgate index reembed`."""

import argparse
import time
from typing import Any

from veilgate.cli.console import StatusLine, show
from veilgate.cli.house import House
from veilgate.services.finding.foreground_reembedding import ForegroundReembedding

_POLL_S = 0.2


def rebuild(_arguments: argparse.Namespace, house: House) -> int:
    """Of the one search server that SEARCH_URL, or the socket in DATA_DIR, leads to."""
    before = {index["model"]: index["builds"] for index in house.search.health()["indexes"]}
    house.search.rebuild()
    line = StatusLine()
    while True:
        indexes = [one for one in house.search.health()["indexes"] if one["model"] in before]
        if all(_is_rebuilt(index, before[index["model"]]) for index in indexes):
            break
        line.put(", ".join(f"{index['model']}: {index['read']:,} rows read" for index in indexes))
        time.sleep(_POLL_S)
    line.put("")
    for index in indexes:
        show(f"{index['model']}: {index['size']:,} images can be found")
    return 0


def _is_rebuilt(index: dict[str, Any], builds: int) -> bool:
    return bool(index["builds"] > builds and index["state"] == "following")


def reembed(_arguments: argparse.Namespace, house: House) -> int:
    """Ends when everything is embedded; what was begun is kept if it is ended before."""
    line = StatusLine()
    reembedding = house.reembedding()
    embedder = house.embedder()
    ForegroundReembedding(house.database, reembedding, embedder).run(line.put)
    line.put("")
    with house.database.read() as transaction:
        counts = transaction.embedding_gaps.counts(embedder.model_id)
    show(f"{embedder.model_id} answers: {counts.vectors:,} embedded, {counts.failures:,} it cannot embed")
    return 0
