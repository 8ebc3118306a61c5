"""Losing a race is no error: somebody wrote the same thing a moment before us."""


class WrittenByAnother(Exception):
    """The row is there already. The transaction is void: begin a new one and read theirs."""


class ErasedMeanwhile(Exception):
    """What we were about to refer to is gone. The transaction is void."""


class UploadedByAnother(WrittenByAnother):
    """Another job has the de-duplication key of ours."""
