"""The shapes of answers about lookups, as /docs shows them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class LookupAccepted(BaseModel):
    """`job_id` is null while the picture is not veiled yet: the lookup begins when it is."""

    image_id: str
    job_id: str | None
    status: str
    message: str


class LookupResults(BaseModel):
    """What was found out about what a picture shows; what was not found is null, or empty. `providers` says
    of each whether it answered, and what asking came to."""

    model_config = ConfigDict(populate_by_name=True)

    model_producer: dict[str, Any] | None = Field(alias="model-producer")
    producer_url: dict[str, Any] | None = Field(alias="producer-url")
    retail_price_details: dict[str, Any] | None = Field(alias="retail-price-details")
    second_hand_offers: list[dict[str, Any]] = Field(alias="second-hand-offers")
    estimated_price: dict[str, Any] | None = Field(alias="estimated-price")
    captions: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    providers: dict[str, Any]
    cost: dict[str, Any]
    stages: dict[str, Any]
    processing_time: float
    queue_time: float
