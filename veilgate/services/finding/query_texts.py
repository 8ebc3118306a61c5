"""Texts that pictures are looked for with, where the model that serves reads texts too."""

import hashlib

from veilgate.search.client import SearchClient
from veilgate.services.finding.similarity import Likeness, Similarity, SimilarPage, SimilarWanted


class QueryTexts:
    def __init__(self, similarity: Similarity, search: SearchClient) -> None:
        self._similarity = similarity
        self._search = search

    def like(self, text: str, owner_id: str, wanted: SimilarWanted) -> SimilarPage:
        """Raises `NoTextModel`, and what `Similarity.like` raises."""
        seen = self._search.embed_text(text)
        about = f"text {hashlib.sha256(text.encode()).hexdigest()}"
        return self._similarity.like(Likeness(owner_id, seen.model_id, seen.vector, about), wanted)
