"""What happens to a picture: the first file to read.

                 ┌─ FindFaces ──┐                              ┌ StoreCopies
    DecodePicture┤              ├ BlurRegions ─ (VerifyVeil) ─ ┤
                 └ FindVehicles ┘                              └ EmbedPicture

And then, if that is asked for, what is looked up about what it shows, of which only the veiled copy is sent:

                   ┌ google_vision ┐
                   │ google_lens   │                  ┌ google_shopping ┐   ┌ FindProducerPage ─ …
    FetchVeiledCopy┤ ebay_image    ├ IdentifyProduct ─┤                 ├ ─ ┤
                   │ azure_vision  │                  └ ebay_search     ┘   └ FindSecondHandOffers ─ …
                   └ vision_model  ┘
                                                      … ReadRetailDetails ┐
                                                                          ├ EstimatePrice
                                                   … FindSecondHandOffers ┘

Every stage is one file in veilgate/stages; a new one is a file there and a line here. Who is asked stands in
veilgate/lookups/catalogue.py. Which worker serves which kind of job, and on which lists jobs wait, stands in
veilgate/domain/families.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from veilgate.imaging.picture import Picture
from veilgate.inference.ports import Detector, Embedder
from veilgate.lookups.ports import PictureProvider, Refiner, TextProvider
from veilgate.stages.ask_provider import AskAboutPicture, AskAboutProduct, LinkMaker
from veilgate.stages.blur_regions import BlurRegions
from veilgate.stages.contract import BatchStage
from veilgate.stages.decode_picture import DecodePicture
from veilgate.stages.embed_picture import EmbedPicture, KnownVectors
from veilgate.stages.fetch_veiled_copy import FetchVeiledCopy
from veilgate.stages.find_faces import FaceSearch, FindFaces
from veilgate.stages.find_second_hand_offers import FindSecondHandOffers
from veilgate.stages.find_vehicles import FindVehicles
from veilgate.stages.identify_product import IdentifyProduct
from veilgate.stages.lookup_contract import LookupStage
from veilgate.stages.pipeline import Pipeline, begin, join
from veilgate.stages.read_retail_details import ReadRetailDetails
from veilgate.stages.store_copies import StoreCopies
from veilgate.stages.verify_veil import VerifyVeil
from veilgate.storage.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class PictureParts:
    """What the picture pipeline is built from."""

    store: ObjectStore
    decode: Callable[[bytes], Picture]
    faces: Detector
    face_threshold: float
    veil_labels: frozenset[str]
    vehicles: Callable[[], Detector | None]
    vehicle_threshold: float
    embedder: Callable[[], Embedder | None]
    known_vectors: KnownVectors


def picture_pipeline(parts: PictureParts) -> Pipeline[BatchStage]:
    picture = begin(DecodePicture(parts.store, parts.decode), essential=True)
    search = FaceSearch(parts.faces, threshold=parts.face_threshold, veil_labels=parts.veil_labels)
    faces = picture.then(FindFaces(search), essential=True)
    vehicles = picture.then(FindVehicles(parts.vehicles, threshold=parts.vehicle_threshold))
    blurred = join(faces, vehicles).then(BlurRegions(), requires=faces, essential=True)
    verified = blurred.then(VerifyVeil(search), essential=True, when=lambda work: work.options.verify)
    # What hangs here sees the picture as it will be shown.
    veiled = join(blurred, verified)
    copies = veiled.then(StoreCopies(parts.store), essential=True)
    # What is not embedded here, the search server embeds later.
    embedded = veiled.then(EmbedPicture(parts.embedder, parts.known_vectors))
    return Pipeline(copies, embedded)


@dataclass(frozen=True, slots=True)
class LookupParts:
    """What the lookup pipeline is built from. `missing_settings` would each enable a provider of those that
    are asked about pictures; `link_maker` is None where nobody outside could follow a link."""

    store: ObjectStore
    pictures: Sequence[PictureProvider]
    texts: Sequence[TextProvider]
    refiner: Refiner | None
    link_maker: LinkMaker | None
    missing_settings: Sequence[str]


def lookup_pipeline(parts: LookupParts) -> Pipeline[LookupStage]:
    sent = begin(FetchVeiledCopy(parts.store), essential=True)
    asked = [sent.then(AskAboutPicture(provider, parts.link_maker)) for provider in parts.pictures]
    product = join(sent, *asked).then(
        IdentifyProduct(refiner=parts.refiner, missing_settings=parts.missing_settings), requires=sent
    )
    # All that was found, whoever did not answer.
    found = join(product, *(product.then(AskAboutProduct(provider)) for provider in parts.texts))
    details = found.then(ReadRetailDetails(), requires=product)
    offers = found.then(FindSecondHandOffers(), requires=product)
    return Pipeline(*asked, details, offers)
