"""Answering with a file of an image: whole, in part, or not at all where the caller has it already."""

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from veilgate.api.container import Container
from veilgate.api.file_answer import FileAnswer
from veilgate.api.problems import problem_of
from veilgate.api.ranges import asks_for_part, range_in
from veilgate.domain.rejections import RangeNotSatisfiable
from veilgate.services.images.copies import FileCopy

# Bytes of pictures must never act as a page, whatever a browser takes them for.
_INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Accept-Ranges": "bytes"}
_ASK_AGAIN = "private, no-cache"
_YEAR_S = 31_536_000


def send_file(request: Request, parts: Container, copy: FileCopy, *, version: str | None = None) -> Response:
    """`version` is what the caller's address carries. Originals, which have none, are sent for saving."""
    kind = "inline" if copy.version else "attachment"
    attached = f'{kind}; filename="{copy.filename}"'
    headers = {
        **_INERT,
        "Cache-Control": _cache_control(parts, copy, version),
        "ETag": copy.etag,
        "Content-Disposition": attached,
    }
    if is_known(request, copy):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":  # never sent elsewhere: an address is signed for one method
        headers["Content-Length"] = str(parts.copies.size_bytes(copy))
        return Response(media_type=copy.media_type, headers=headers)
    if address := parts.copies.address(copy, disposition=attached):
        return RedirectResponse(address, status_code=307, headers={"Cache-Control": "private, no-store"})
    if asks_for_part(request, copy.etag) and (part := _part(request, parts, copy, headers)):
        return part
    size, chunks = parts.copies.open(copy)
    headers["Content-Length"] = str(size)
    return FileAnswer(chunks, media_type=copy.media_type, headers=headers)


def is_known(request: Request, copy: FileCopy) -> bool:
    """Whether the caller has this version already (RFC 9110, 13.1.2: a list, compared weakly)."""
    listed = request.headers.get("if-none-match", "").split(",")
    known = {candidate.strip().removeprefix("W/") for candidate in listed}
    return copy.etag in known or "*" in known


def _cache_control(parts: Container, copy: FileCopy, version: str | None) -> str:
    """Behind an address that carries the current version are the same bytes for ever. Where a base URL is
    set, those between the caller and us may keep them too."""
    if copy.version is None or version != copy.version:
        return _ASK_AGAIN
    who = "public" if parts.links.base_url else "private"
    return f"{who}, max-age={_YEAR_S}, immutable"


def _part(request: Request, parts: Container, copy: FileCopy, headers: dict[str, str]) -> Response | None:
    """None where the whole file is to be sent after all."""
    size = parts.copies.size_bytes(copy)
    try:
        wanted = range_in(request, size)
    except RangeNotSatisfiable as error:
        answer = problem_of(error)
        answer.headers["Content-Range"] = f"bytes */{size}"
        return answer
    if wanted is None:
        return None
    first, last = wanted
    headers |= {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last - first + 1)}
    chunks = parts.copies.open_range(copy, first, last)
    return FileAnswer(chunks, media_type=copy.media_type, headers=headers, status_code=206)
