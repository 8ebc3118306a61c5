"""What /openapi.json says of keys beside what FastAPI finds out by itself."""

from typing import Any

from fastapi import FastAPI

_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key of `veilgate keys create`, or a JWT."},
    "apiKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe_security(app: FastAPI) -> None:
    """Name the ways to show a key; which route needs one, the routes say themselves."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        document.setdefault("components", {})["securitySchemes"] = _SCHEMES
        return document

    app.openapi = described  # type: ignore[method-assign]
