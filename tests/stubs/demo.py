"""`make demo-classify`: a whole house, vendors that answer as slowly as real ones, and one picture sent to
POST /classify, whose lines are shown as they come. Needs neither keys nor the network."""

import io
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from skimage import data

from tests.e2e.house import House
from tests.fixtures.paths import find_free_port
from tests.stubs.serving import Stubs

# Before each answer; about what the real ones need.
LATENCIES_S = {
    "google_vision": 0.6,
    "google_lens": 2.4,
    "google_shopping": 1.8,
    "ebay_token": 0.2,
    "ebay_image": 0.9,
    "ebay_search": 0.6,
    "azure_vision": 0.7,
    "vision_model": 2.0,
    "producer_site": 0.3,
}
_WIDTH = 110
_TIMEOUT_S = 90.0


def main() -> int:
    """0 if the last line says that all was completed; whatever ends it, what it started ends with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    stubs = Stubs()
    for name, latency_s in LATENCIES_S.items():
        stubs.desks[name].latency_s = latency_s
    with tempfile.TemporaryDirectory(prefix="veilgate-demo-") as folder:
        port = find_free_port()
        address = f"http://127.0.0.1:{port}"
        _say(f"A house on {address}, and vendors made up for it ...")
        settings = {**stubs.settings(), "PORT": str(port), "PUBLIC_BASE_URL": address}
        house = House(Path(folder) / "data", **settings)
        try:
            house.wait_for_banner()
            last = _show(_classified(address))
        finally:
            house.close()
            stubs.close()
    return 0 if last["data_type"] == "done" and last["data"]["status"] == "completed" else 1


def _classified(address: str) -> Iterator[Mapping[str, Any]]:
    files = {"file": ("astronaut.jpg", _picture(), "image/jpeg")}
    with (
        httpx.Client(base_url=address, timeout=30, trust_env=False) as http,
        http.stream("POST", "/classify", files=files) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(answer.read().decode())
        give_up_s = time.monotonic() + _TIMEOUT_S
        for line in answer.iter_lines():
            yield json.loads(line)
            if time.monotonic() > give_up_s:
                return


def _picture() -> bytes:
    """A photo with one face (NASA, public domain; shipped inside scikit-image)."""
    spool = io.BytesIO()
    Image.fromarray(data.astronaut()).save(spool, "JPEG", quality=92)
    return spool.getvalue()


def _show(lines: Iterator[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last line, when all have been shown."""
    began_s = time.monotonic()
    last: Mapping[str, Any] = {"data_type": "nothing"}
    for last in lines:
        text = _in_short(last["data_type"], last["data"])
        shown = text if len(text) <= _WIDTH else f"{text[:_WIDTH]} ..."
        _say(f"{time.monotonic() - began_s:6.2f} s  {last['data_type']:<22}{shown}")
    return last


def _in_short(data_type: str, said: Mapping[str, Any]) -> str:
    """What a reader wants to know of it first; the whole is JSON."""
    match data_type:
        case "findings":
            counts = {
                name: len(said[name]) for name in ("names", "pages", "offers", "labels") if name in said
            }
            found = ", ".join(f"{number} {name}" for name, number in counts.items())
            return f"{said['provider']}: {found}" + (f'; "{said["caption"]}"' if "caption" in said else "")
        case "model-producer":
            return f"{said['name']} (make {said['make']}, model {said['model']}; sure: {said['confidence']})"
        case "second-hand-offers":
            prices = [f"{offer['price']['amount']} {offer['price']['currency']}" for offer in said["offers"]]
            return f"{len(prices)} offers: {', '.join(prices)}"
        case "estimated-price":
            span = f"{said['min_range']} to {said['max_range']} {said['currency']}"
            return f"{said['price']} ({span}; sure: {said['certainty']})"
    return json.dumps(said, ensure_ascii=False)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
