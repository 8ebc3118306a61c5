"""Makes docs/pictures/before-after.jpg with a running gateway: `python docs/pictures/before_after.py URL`."""

import io
import sys
from pathlib import Path

import httpx
import skimage.data
from PIL import Image

_GAP_PX = 12


def main(url: str) -> None:
    original = Image.fromarray(skimage.data.astronaut())  # NASA, public domain
    encoded = io.BytesIO()
    original.save(encoded, "JPEG", quality=92)
    with httpx.Client(base_url=url, timeout=70) as gateway:
        job = gateway.post("/upload", files={"file": ("astronaut.jpg", encoded.getvalue())}).json()
        gateway.get(f"/status/{job['job_id']}", params={"wait": 60}).raise_for_status()
        answer = gateway.get(f"/images/{job['job_id']}/processed").raise_for_status()
    veiled = Image.open(io.BytesIO(answer.content))
    side_by_side = Image.new("RGB", (original.width * 2 + _GAP_PX, original.height), "white")
    side_by_side.paste(original, (0, 0))
    side_by_side.paste(veiled, (original.width + _GAP_PX, 0))
    side_by_side.save(Path(__file__).with_name("before-after.jpg"), quality=88)


if __name__ == "__main__":
    main(sys.argv[1])
