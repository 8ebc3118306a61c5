"""Makes docs/pictures/page.jpg of a running house with providers: `python docs/pictures/page.py URL`."""

import io
import sys
from pathlib import Path

import skimage.data
from PIL import Image
from playwright.sync_api import expect, sync_playwright

_PATIENCE_MS = 60_000


def main(url: str) -> None:
    encoded = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(encoded, "JPEG", quality=92)  # NASA, public domain
    chosen = {"name": "astronaut.jpg", "mimeType": "image/jpeg", "buffer": encoded.getvalue()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1100, "height": 1500})
        page.goto(url)
        page.set_input_files("#file", [chosen])
        page.click("#go")
        expect(page.locator("#progress")).to_contain_text("Done", timeout=_PATIENCE_MS)
        page.screenshot(path=Path(__file__).with_name("page.jpg"), type="jpeg", quality=80)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
