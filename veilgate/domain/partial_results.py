"""What a stage's outcome is to callers who watch results come: its type, and a sentence for people."""

from dataclasses import dataclass

FINDINGS = "findings"


@dataclass(frozen=True, slots=True)
class PartialResult:
    data_type: str
    description: str


# By the name of the stage. Stages that are not here are of no interest to who asks what a thing is.
PARTIAL_RESULTS = {
    "find_faces": PartialResult("faces", "Faces found, which are made unrecognisable."),
    "find_vehicles": PartialResult("vehicles", "Vehicles found in the picture."),
    "store_copies": PartialResult("veiled", "The picture with its faces made unrecognisable."),
    "google_vision": PartialResult(FINDINGS, "What Google Cloud Vision knows of the picture."),
    "google_lens": PartialResult(FINDINGS, "What Google Lens finds that looks like it."),
    "ebay_image": PartialResult(FINDINGS, "What is on offer at eBay that looks like it."),
    "azure_vision": PartialResult(FINDINGS, "What Azure Image Analysis sees in the picture."),
    "vision_model": PartialResult(FINDINGS, "What the vision model takes it for."),
    "identify_product": PartialResult("model-producer", "What it is, and who makes it."),
    "google_shopping": PartialResult(FINDINGS, "What shops ask for it, by Google Shopping."),
    "ebay_search": PartialResult(FINDINGS, "What is on offer at eBay under its name."),
    "find_producer_page": PartialResult("producer-url", "Where its maker describes it."),
    "read_retail_details": PartialResult("retail-price-details", "What its maker or a shop says of it."),
    "find_second_hand_offers": PartialResult("second-hand-offers", "What is asked for used ones."),
    "estimate_price": PartialResult("estimated-price", "What it may be worth, and how that was reckoned."),
}
