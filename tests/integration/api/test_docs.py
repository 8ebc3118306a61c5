"""/docs works without the internet, and the description it shows is true."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.integration.api.gateway import Gateway

OUTSIDE = re.compile(r"""(?:src|href)\s*=\s*["'](?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""")
REFERENCES = re.compile(r"""(?:src|href)\s*=\s*["']([^"'#]+)["']""")


@pytest.fixture(scope="module")
def description(gateway: Gateway) -> dict[str, Any]:
    document: dict[str, Any] = gateway.http.get("/openapi.json").json()
    return document


def test_the_page_and_all_it_loads_are_served_here(gateway: Gateway) -> None:
    page = gateway.http.get("/docs", follow_redirects=True)
    assert page.status_code == 200
    assert "http" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    loaded = [urljoin("/docs/", name) for name in REFERENCES.findall(page.text) if name != "data:,"]
    assert any(name.endswith(".js") for name in loaded)
    assert any(name.endswith(".css") for name in loaded)
    for name in loaded:
        answer = gateway.http.get(name)
        assert answer.status_code == 200, name
        if name.endswith((".css", "start.js")):
            assert not OUTSIDE.search(answer.text), name


def test_the_start_leads_to_the_docs(gateway: Gateway) -> None:
    assert gateway.http.get("/", follow_redirects=True).status_code == 200


def test_every_reference_in_the_description_leads_somewhere(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.")
    assert description["info"]["title"] == "Veilgate"
    for reference in _references(description):
        target: Any = description
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_every_operation_says_what_it_does_and_answers(description: dict[str, Any]) -> None:
    names = set()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["responses"], where
            assert operation["operationId"] not in names, where
            names.add(operation["operationId"])
            declared = {field["name"] for field in operation.get("parameters", []) if field["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path)), where


@pytest.mark.parametrize(("path", "field"), [("/upload", "file"), ("/batch-upload", "files")])
def test_the_form_of_an_upload_is_described(description: dict[str, Any], path: str, field: str) -> None:
    operation = description["paths"][path]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert operation["requestBody"]["required"]
    assert schema["required"] == [field]
    assert {"blur_style", "mask_scale", "face_threshold", "priority"} < set(schema["properties"])
    in_headers = [given["name"] for given in operation["parameters"] if given["in"] == "header"]
    assert in_headers == ["Idempotency-Key"]
    assert {"202", "400", "409", "413", "415", "422", "503"} <= set(operation["responses"])


def test_the_archive_of_a_batch_is_described(description: dict[str, Any]) -> None:
    operation = description["paths"]["/batch-upload"]["post"]
    content = operation["requestBody"]["content"]
    form = content.pop("multipart/form-data")["schema"]["properties"]
    assert {"application/zip", "application/x-tar", "application/gzip"} < set(content)
    assert all(body["schema"]["format"] == "binary" for body in content.values())
    in_query = {given["name"] for given in operation["parameters"] if given["in"] == "query"}
    assert in_query == set(form) - {"files"}


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []
