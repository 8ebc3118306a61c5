"""Receiving a picture to search with: as a file, or as the address of one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from veilgate.api.container import Container, current_owner, guest_of
from veilgate.api.form_stream import Field, FilePart, read_form
from veilgate.api.json_body import read_json_object
from veilgate.api.receiving import FORM_OVERHEAD_BYTES, IncomingFile, too_large
from veilgate.api.similar_parameters import add_member
from veilgate.domain.options import UploadOptions
from veilgate.domain.rejections import InvalidOption, MissingFile, RequestTooLarge, TooManyFiles

IMAGE_URL = "image_url"


@asynccontextmanager
async def received_query(
    request: Request, parts: Container, given: dict[str, Any]
) -> AsyncIterator[IncomingFile]:
    """The whole picture, and `given` with what else the body says. Nothing of it is left behind."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        address: str | None = _read_members(await read_json_object(request), given)
    else:
        limit = parts.limits.max_file_bytes
        async with IncomingFile(parts.spool, "query", max_bytes=limit) as sent:
            address = await _read_form(request, sent, given, max_bytes=limit)
            if address is None:
                yield sent
    if address is not None:
        async with _fetched(request, parts, address) as file:
            yield file


def _read_members(document: dict[str, Any], given: dict[str, Any]) -> str:
    image_url = document.pop(IMAGE_URL, None)
    if not isinstance(image_url, str):
        raise InvalidOption(f"{IMAGE_URL} must be a text.")
    for name, value in document.items():
        add_member(given, name, value)
    return image_url


async def _read_form(
    request: Request, file: IncomingFile, given: dict[str, Any], *, max_bytes: int
) -> str | None:
    """Fills the file, or returns the address that was given in its place."""
    image_url: str | None = None
    is_sent = False
    try:
        async for part in read_form(request, max_body_bytes=max_bytes + FORM_OVERHEAD_BYTES):
            if isinstance(part, FilePart):
                _require_first(part, is_sent=is_sent)
                is_sent = True
                await file.fill(part)
            elif part.name != IMAGE_URL:
                _add_field(given, part)
            elif image_url is None:
                image_url = part.value
            else:
                raise InvalidOption(f"{IMAGE_URL} was given twice.")
    except RequestTooLarge as error:
        raise too_large(max_bytes) from error
    if is_sent and image_url is not None:
        raise InvalidOption(f"Either a file or {IMAGE_URL}, not both.")
    if not is_sent and image_url is None:
        raise MissingFile(f"The form has neither a file in the field 'file' nor {IMAGE_URL}.")
    return image_url


def _require_first(part: FilePart, *, is_sent: bool) -> None:
    if is_sent:
        raise TooManyFiles("One picture is searched with at a time.")
    if part.name != "file":
        raise MissingFile(f"The picture must be in the field 'file', not {part.name[:60]!r}.")


def _add_field(given: dict[str, Any], field: Field) -> None:
    if field.name == "file":
        raise MissingFile("The field 'file' must be a file, with a file name; it came as text.")
    add_member(given, field.name, field.value)


@asynccontextmanager
async def _fetched(request: Request, parts: Container, image_url: str) -> AsyncIterator[IncomingFile]:
    """As /upload-url fetches, by the same rules and for the same quota."""
    limit = parts.limits.max_file_bytes
    owner, limited_as = current_owner(request), guest_of(request).limited_as
    asked = parts.url_uploads.asked(image_url, UploadOptions(), owner_id=owner, correlation_id=None)
    async with IncomingFile(parts.spool, asked.target.filename, max_bytes=limit) as file:
        async with parts.url_uploads.fetch(asked, max_bytes=limit) as chunks:
            await file.fill(chunks)
        if limited_as:
            await parts.door.quotas.admit_bytes(limited_as, file.received_bytes)
        yield file
