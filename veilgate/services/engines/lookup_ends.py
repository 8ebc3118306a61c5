"""What the end of a lookup writes: whose answers are shown from now on, and what the image is found by."""

from collections.abc import Mapping, Sequence
from typing import Any

from veilgate.domain.jobs import JobKind
from veilgate.domain.lookups import Finding
from veilgate.domain.notes import LONGEST_TAG
from veilgate.domain.outcomes import Outcome
from veilgate.domain.products import IdentifiedProduct
from veilgate.domain.words import MOST_WORDS, findable_words, words_of_labels
from veilgate.persistence.records import DueJob
from veilgate.persistence.term_repository import ImageWords
from veilgate.persistence.unit_of_work import Transaction
from veilgate.services.engines.lookup_engine import LookupEnd
from veilgate.services.engines.settlements import Settlement, Verdict, completed, count
from veilgate.services.jobs.lookup_results import assemble_lookup
from veilgate.stages.identify_product import NOTHING_RECOGNISED
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_MOST_TAGS = 50


class LookupEnds:
    kind = JobKind.LOOKUP

    def results(self, end: LookupEnd) -> Mapping[str, Any]:
        return assemble_lookup(end)

    def result_key(self, _end: LookupEnd) -> None:
        """It has no files."""
        return

    def write(
        self, transaction: Transaction, ended: Sequence[tuple[LookupEnd, Settlement]]
    ) -> Sequence[DueJob]:
        """What a source says replaces what it said before, also when that is nothing; one that did not answer
        this time has said what it said before."""
        shown = [
            end
            for end in completed(ended)
            if transaction.lookups.point_to(end.work.image_id, end.work.job_id)
        ]
        newest = {end.work.image_id: end for end in shown}
        for end in newest.values():
            for finding in _findings(end):
                transaction.images.replace_tags(
                    end.work.image_id, finding.provider, _tags(finding), owner_id=end.work.owner_id
                )
        transaction.terms.replace_all(
            [
                ImageWords(image_id, end.work.owner_id, words)
                for image_id, end in newest.items()
                if (words := _words(end.outcomes))
            ]
        )
        return ()

    def totals(self, ended: Sequence[tuple[LookupEnd, Settlement]]) -> Mapping[str, int]:
        return {
            "lookups_completed": count(ended, Verdict.COMPLETED),
            "lookups_failed": count(ended, Verdict.FAILED),
            "lookups_retries": count(ended, Verdict.RETRIED),
        }

    def count_found(self, end: LookupEnd) -> None:
        """Providers are counted as they answer."""

    def clear(self, settlement: Settlement) -> None:
        if settlement.verdict is Verdict.LOST:
            _log.warning(
                "record.discarded",
                job_id=settlement.job_id,
                attempt=settlement.fence,
                correlation_id=settlement.correlation_id,
            )


def _findings(end: LookupEnd) -> list[Finding]:
    return [outcome.product for outcome in end.outcomes.values() if isinstance(outcome.product, Finding)]


def _tags(finding: Finding) -> dict[str, int]:
    texts = (" ".join(label.text.split())[:LONGEST_TAG].rstrip() for label in finding.labels[:_MOST_TAGS])
    return dict.fromkeys((text for text in texts if text), 1)


def _words(outcomes: Mapping[str, Outcome]) -> dict[str, list[str]]:
    """By its source, the words of what each says is in the picture: none of one that recognises nothing."""
    found: dict[str, list[str]] = {}
    for stage, outcome in outcomes.items():
        match outcome.product:
            case Finding(provider=provider, caption=caption, labels=labels):
                texts = [*(label.text for label in labels[:_MOST_TAGS]), caption or ""]
                found[provider] = words_of_labels(texts)[:MOST_WORDS]
            case IdentifiedProduct(name=name, make=make, model=model):
                found[stage] = findable_words(" ".join(filter(None, (name, make, model))))
            case None if outcome.reason == NOTHING_RECOGNISED:
                found[stage] = []
    return found
