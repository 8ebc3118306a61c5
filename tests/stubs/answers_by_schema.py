"""What a model answers that keeps to a schema: each property by its name, or else by its type."""

from typing import Any

from tests.stubs.world import Product

_SURE = 0.9


def fill(schema: dict[str, Any], product: Product, name: str = "") -> Any:
    """A document that the schema allows and that tells of the product."""
    kind = _kind(schema)
    if kind == "object":
        properties = schema.get("properties", {})
        return {inner: fill(properties[inner], product, inner) for inner in properties}
    if kind == "array":
        return _list(schema.get("items", {}), product, name)
    if name == "price":
        return float(product.share("0.50"))
    if kind in {"number", "integer"}:
        return _SURE if kind == "number" else 0
    return _texts(product).get(name, product.name)


def answer_freely(product: Product) -> dict[str, Any]:
    """Without a schema a model does about what the words ask of it."""
    return {
        **{name: text for name, text in _texts(product).items() if name in {"make", "model", "caption"}},
        "description": product.caption,
        "labels": list(product.labels),
        "confidence": _SURE,
    }


def _kind(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", "string")
    return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")


def _list(items: dict[str, Any], product: Product, name: str) -> list[Any]:
    if name in {"labels", "tags"} and _kind(items) == "string":
        return list(product.labels)
    return [fill(items, product, name)]


def _texts(product: Product) -> dict[str, str]:
    return {
        "make": product.make,
        "brand": product.make,
        "model": product.model,
        "name": product.name,
        "caption": product.caption,
        "description": product.caption,
        "category": product.noun,
        "material": product.material,
        "reason": "It looks like it.",
    }
