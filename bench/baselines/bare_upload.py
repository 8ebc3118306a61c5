"""A bare Starlette handler: its own form parser, the file synced to disk, and 202."""

import os
from pathlib import Path
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_FOLDER = Path(os.environ["BARE_FOLDER"])


async def upload(request: Request) -> JSONResponse:
    async with request.form() as form:
        file = form["file"]
        assert isinstance(file, UploadFile)
        data = await file.read()
        name = uuid4().hex
        await run_in_threadpool(_keep, name, data)
        answer = {
            "job_id": name,
            "filename": file.filename,
            "file_size": len(data),
            "status": "submitted",
            "message": f"Stored; see /status/{name}.",
        }
    return JSONResponse(answer, status_code=202)


def _keep(name: str, data: bytes) -> None:
    temporary = _FOLDER / f"{name}.part"
    with temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(_FOLDER / name)


app = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
