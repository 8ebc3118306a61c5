"""A bare FastAPI route: a document that lies ready in memory, as JSON."""

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI

_DOCUMENT: dict[str, Any] = json.loads(Path(os.environ["BARE_DOCUMENT"]).read_bytes())
app = FastAPI()


@app.get("/status/{job_id}")
async def status(job_id: str) -> dict[str, Any]:
    return {**_DOCUMENT, "job_id": job_id}
