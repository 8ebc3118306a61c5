"""What is looked up about what a picture shows, once it is veiled: of it only that copy is sent.

                    ┌ google_vision ┐
                    │ google_lens   │
    FetchVeiledCopy ┤ ebay_image    ├ IdentifyProduct ┐
                    │ azure_vision  │                 │
                    └ vision_model  ┘                 │
    ┌─────────────────────────────────────────────────┘
    │ ┌ google_shopping ┐   ┌ FindProducerPage ─ ReadRetailDetails ┐
    └ ┤                 ├ ─ ┤                                      ├ EstimatePrice
      └ ebay_search     ┘   └ FindSecondHandOffers ─────────────── ┘

Who is asked stands in veilgate/lookups/catalogue.py. Apart from pipeline_architecture.py, because who looks
things up needs no codec and no numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from veilgate.lookups.ports import PageReader, PictureProvider, Refiner, TextProvider
from veilgate.stages.ask_provider import AskAboutPicture, AskAboutProduct, LinkMaker
from veilgate.stages.estimate_price import EstimatePrice
from veilgate.stages.fetch_veiled_copy import FetchVeiledCopy
from veilgate.stages.find_producer_page import FindProducerPage
from veilgate.stages.find_second_hand_offers import FindSecondHandOffers
from veilgate.stages.identify_product import IdentifyProduct
from veilgate.stages.lookup_contract import LookupStage
from veilgate.stages.pipeline import Patience, Pipeline, begin, join
from veilgate.stages.read_retail_details import ReadRetailDetails
from veilgate.storage.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class LookupParts:
    """What the lookup pipeline is built from. `missing_settings` would each enable a provider of those that
    are asked about pictures; `link_maker` is None where nobody outside could follow a link."""

    store: ObjectStore
    pictures: Sequence[PictureProvider]
    texts: Sequence[TextProvider]
    refiner: Refiner | None
    link_maker: LinkMaker | None
    reader: PageReader
    missing_settings: Sequence[str]
    # How long the others wait for one that hangs: what it says later is shown, and not reckoned with.
    patience_s: float


def lookup_pipeline(parts: LookupParts) -> Pipeline[LookupStage]:
    sent = begin(FetchVeiledCopy(parts.store), essential=True)
    asked = [sent.then(AskAboutPicture(provider, parts.link_maker)) for provider in parts.pictures]
    product = join(sent, *asked).then(
        IdentifyProduct(refiner=parts.refiner, missing_settings=parts.missing_settings),
        requires=sent,
        patience=Patience(parts.patience_s, once=tuple(asked)),
    )
    # All that was found, whoever did not answer.
    found = join(product, *(product.then(AskAboutProduct(provider)) for provider in parts.texts))
    patience = Patience(parts.patience_s, once=(product,))
    page = found.then(FindProducerPage(parts.reader), requires=product, patience=patience)
    # Without a page there is what shops say.
    details = join(page).then(ReadRetailDetails(), requires=product)
    offers = found.then(FindSecondHandOffers(), requires=product, patience=patience)
    price = join(details, offers).then(EstimatePrice(refiner=parts.refiner), requires=product)
    return Pipeline(price)
