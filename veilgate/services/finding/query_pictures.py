"""Pictures that are searched with: judged as uploads are, shown to the search server, and kept nowhere."""

from pathlib import Path

from veilgate.search.client import SearchClient
from veilgate.services.finding.similarity import Likeness
from veilgate.services.uploads.intake import Intake
from veilgate.services.uploads.received_file import ReceivedFile
from veilgate.services.uploads.spool import SpooledFile


class QueryPictures:
    def __init__(self, intake: Intake, search: SearchClient) -> None:
        self._intake = intake
        self._search = search

    def likeness(self, file: ReceivedFile, owner_id: str) -> Likeness:
        """The picture in the eyes of the model that serves.

        Raises what an upload of it would raise, `UndecodablePicture` or `DecodeTimeout` where an upload would
        be accepted and fail later, `SearchUnavailable` or `IndexNotReady`.
        """
        self._intake.inspect(file)
        seen = self._search.embed(_sendable(file))
        return Likeness(owner_id, seen.model_id, seen.vector, f"picture {file.sha256}")


def _sendable(file: ReceivedFile) -> bytes | Path:
    if isinstance(file, SpooledFile):
        return file.path
    with file.content() as data:
        return bytes(data)
