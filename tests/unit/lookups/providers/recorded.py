"""Good answers of each vendor, in the shape that its documentation shows."""

from typing import Any

VISION: dict[str, Any] = {
    "responses": [
        {
            "labelAnnotations": [
                {"mid": "/m/01c648", "description": "Headphones", "score": 0.97, "topicality": 0.97},
                {"mid": "/m/0x", "description": "Gadget", "score": 12},
            ],
            "logoAnnotations": [{"mid": "/m/0abc", "description": "Acme", "score": 0.8}],
            "webDetection": {
                "webEntities": [
                    {"entityId": "/g/11abc", "score": 14.2, "description": "Acme Kestrel K2"},
                    {"entityId": "/m/0xyz", "score": 0.61},
                    {"entityId": "/m/0xyy", "score": 0.6, "description": "Headset"},
                ],
                "pagesWithMatchingImages": [
                    {
                        "url": "https://acme.example/k2",
                        "pageTitle": "Acme <b>Kestrel K2</b> &amp; more | Acme",
                        "fullMatchingImages": [{"url": "https://acme.example/k2.jpg"}],
                    },
                    {
                        "url": "https://shop.example/k2",
                        "partialMatchingImages": [{"url": "https://x.example/"}],
                    },
                    {"url": "javascript:alert(1)", "pageTitle": "no page"},
                ],
                "bestGuessLabels": [{"label": "acme kestrel k2", "languageCode": "en"}],
            },
        }
    ]
}
LENS: dict[str, Any] = {
    "search_metadata": {"id": "67aa00000000000000000001", "status": "Success"},
    "knowledge_graph": [{"title": "Acme Kestrel K2", "subtitle": "Headphones"}],
    "exact_matches": [{"title": "K2 in the test", "link": "https://blog.example/k2", "source": "Blog"}],
    "visual_matches": [
        {
            "position": 1,
            "title": "Acme Kestrel K2 Headphones - Acme",
            "link": "https://acme.example/k2",
            "source": "Acme",
            "price": {"value": "$129*", "extracted_value": 129, "currency": "$"},
        },
        {
            "position": 2,
            "title": "Kestrel K2 | Kopfhoerer",
            "link": "https://laden.example.ca/k2",
            "price": {"value": "$99.50*", "extracted_value": "99.50", "currency": "$"},
        },
        {"position": 3, "title": "No address", "price": {"extracted_value": 5, "currency": "$"}},
        {"position": 4, "title": "No price", "link": "https://shop.example/x", "price": {"currency": "?"}},
    ],
}
SHOPPING: dict[str, Any] = {
    "search_metadata": {"id": "67aa00000000000000000002", "status": "Success"},
    "shopping_results": [
        {
            "title": "Acme Kestrel K2",
            "product_link": "https://www.google.com/shopping/product/1",
            "link": "https://store.example/k2",
            "source": "Acme Store",
            "price": "$119.00",
            "extracted_price": 119.0,
        },
        {
            "title": "Acme Kestrel K2, renewed",
            "product_link": "https://www.google.com/shopping/product/2",
            "price": "$80.00",
            "second_hand_condition": "refurbished",
        },
        {"title": "without a price", "link": "https://store.example/z"},
    ],
    "categorized_shopping_results": [
        {
            "title": "Pre-owned",
            "shopping_results": [
                {
                    "title": "K2",
                    "link": "https://attic.example/k2",
                    "price": "$60.00",
                    "second_hand_condition": "used",
                }
            ],
        }
    ],
}
TOKEN: dict[str, Any] = {
    "access_token": "v^1.1#secret-token",
    "expires_in": 7200,
    "token_type": "Application Access Token",
}
EBAY: dict[str, Any] = {
    "href": "https://api.ebay.com/buy/browse/v1/item_summary/search",
    "total": 341,
    "itemSummaries": [
        {
            "itemId": "v1|110000000001|0",
            "title": "Acme Kestrel K2 headphones, used",
            "price": {"value": "54.90", "currency": "USD"},
            "condition": "Used",
            "conditionId": "3000",
            "buyingOptions": ["FIXED_PRICE", "BEST_OFFER"],
            "itemWebUrl": "https://www.ebay.com/itm/110000000001",
        },
        {
            "itemId": "v1|110000000002|0",
            "title": "Acme K2 auction",
            "buyingOptions": ["AUCTION"],
            "bidCount": 3,
            "currentBidPrice": {"value": "31.00", "currency": "USD"},
            "conditionId": "2500",
            "itemWebUrl": "https://www.ebay.com/itm/110000000002",
        },
        {
            "title": "for parts",
            "price": {"value": "9.00", "currency": "EUR"},
            "conditionId": "7000",
            "itemWebUrl": "https://www.ebay.com/itm/3",
        },
        {"title": "no price", "conditionId": "1000", "itemWebUrl": "https://www.ebay.com/itm/4"},
    ],
    "warnings": [],
}
AZURE: dict[str, Any] = {
    "modelVersion": "2023-10-01",
    "metadata": {"width": 864, "height": 576},
    "captionResult": {"text": "a pair of black headphones on a table", "confidence": 0.85},
    "tagsResult": {
        "values": [{"name": "headphones", "confidence": 0.98}, {"name": "gadget", "confidence": "0.91"}]
    },
}
SEEN: dict[str, Any] = {
    "caption": "Black headphones on a table.",
    "labels": ["headphones", "table"],
    "name": "Acme Kestrel K2",
    "make": "Acme",
    "model": "Kestrel K2",
    "confidence": 0.9,
}


def completion(content: Any, *, finish_reason: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "chatcmpl-x",
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
        "usage": {"prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163},
    }
