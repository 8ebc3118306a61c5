"""Says what the thing is: the name that the providers agree on, never just the last one that was heard."""

from collections.abc import Sequence
from typing import Any

from veilgate.domain.lookups import Bill, Finding, ProductName
from veilgate.domain.outcomes import Outcome
from veilgate.domain.product_names import name_words
from veilgate.domain.product_votes import Candidate, candidates_in
from veilgate.domain.products import IdentifiedProduct
from veilgate.lookups.ports import Refiner
from veilgate.stages.lookup_contract import LookupWork
from veilgate.stages.refining import Unrefined, ask_to_refine

NO_PROVIDER = "no_provider"
NOTHING_RECOGNISED = "nothing_recognised"
_MOST_REASONS = 8


class IdentifyProduct:
    """`missing_settings` would each enable a provider; empty where one is enabled. `refiner` chooses among
    the names that were found, and where it cannot, the votes stand."""

    name = "identify_product"

    def __init__(self, *, refiner: Refiner | None, missing_settings: Sequence[str] = ()) -> None:
        self._refiner = refiner
        self._missing_settings = list(missing_settings)

    async def run(self, work: LookupWork) -> Outcome:
        if self._missing_settings:
            return Outcome.skipped(NO_PROVIDER, {"settings": self._missing_settings})
        findings = work.every(Finding)
        candidates = candidates_in(findings)
        if not candidates:
            return Outcome.skipped(NOTHING_RECOGNISED)
        product = _product(candidates[0])
        because = [
            {"provider": one.provider, "text": one.text, "score": round(one.weight, 3)}
            for one in candidates[0].because[:_MOST_REASONS]
        ]
        report: dict[str, Any] = {}
        if self._refiner is not None:
            product, reason, bill = await self._refined(self._refiner, product, candidates, work)
            because.append(reason)
            report |= {"refined_by": self._refiner.name, "cost": bill.as_dict()}
        return Outcome.produced(product, {**_report(product), "because": because, **report})

    async def _refined(
        self,
        refiner: Refiner,
        voted: IdentifiedProduct,
        candidates: tuple[Candidate, ...],
        work: LookupWork,
    ) -> tuple[IdentifiedProduct, dict[str, Any], Bill]:
        """The product as the model words it, why, and what asking came to."""
        names = tuple(ProductName(one.name, one.confidence, one.make, one.model) for one in candidates)
        captions = tuple(one.caption for one in work.every(Finding) if one.caption)
        refined = await ask_to_refine(refiner.choose_name(names, captions, asked=work.asked))
        if isinstance(refined, Unrefined):
            return voted, _reason(refiner, f"could not be asked: {refined.code}"), refined.bill
        chosen = _chosen(refined.name, candidates) if refined.name else None
        if refined.name is None or chosen is None:
            return voted, _reason(refiner, "chose none of what was found"), refined.bill
        product = IdentifiedProduct(
            refined.name.text,
            refined.name.make or chosen.make,
            refined.name.model or chosen.model,
            chosen.confidence,
        )
        return product, _reason(refiner, product.name, chosen.confidence), refined.bill


def _chosen(name: ProductName, candidates: tuple[Candidate, ...]) -> Candidate | None:
    """The candidate that it means; None if it has words of its own, for it is to add no facts."""
    words = set(name_words(" ".join((name.text, name.make or "", name.model or ""))))
    known = {word for one in candidates for word in _words(one)}
    if not set(name_words(name.text)) or not words <= known:
        return None
    return max(candidates, key=lambda one: len(words & _words(one)) / len(words | _words(one)))


def _words(candidate: Candidate) -> set[str]:
    return set(name_words(" ".join((candidate.name, candidate.make or "", candidate.model or ""))))


def _reason(refiner: Refiner, text: str, score: float = 0.0) -> dict[str, Any]:
    return {"provider": refiner.name, "text": text, "score": score}


def _product(candidate: Candidate) -> IdentifiedProduct:
    return IdentifiedProduct(candidate.name, candidate.make, candidate.model, candidate.confidence)


def _report(product: IdentifiedProduct) -> dict[str, Any]:
    return {
        "make": product.make,
        "model": product.model,
        "name": product.name,
        "confidence": product.confidence,
    }
