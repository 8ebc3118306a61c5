"""All stubs on one loop in a thread of its own, each vendor on a free port of 127.0.0.1."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from aiohttp import web

from tests.stubs import azure_vision, ebay, google_vision, openai_compatible, serpapi
from tests.stubs.control import control_app
from tests.stubs.desks import Desk
from tests.stubs.producer_site import ProducerSite
from tests.stubs.world import COUNTRY, World

T = TypeVar("T")
_START_TIMEOUT_S = 20.0
_LARGEST_BODY_BYTES = 32 << 20


class Stubs:
    """`desks` by the names that the house gives its providers, with `ebay_token`, `serpapi_account` and
    `producer_site`; `urls` by vendor; `settings` are the environment of a house that asks them."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.ebay = ebay.Ebay(self.world)
        self._serpapi = serpapi.SerpApi(self.world)
        self._google_vision = google_vision.GoogleVision(self.world)
        self._azure = azure_vision.AzureVision(self.world)
        self._model = openai_compatible.VisionModel(self.world)
        self._site = ProducerSite(self.world)
        made = [self._google_vision.desk, self._azure.desk, self._model.desk, self._site.desk]
        made += [self._serpapi.lens, self._serpapi.shopping, self._serpapi.account]
        made += [self.ebay.tokens, self.ebay.image, self.ebay.search]
        self.desks: dict[str, Desk] = {desk.name: desk for desk in made}
        self._runners: list[web.AppRunner] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stubs", daemon=True)
        self._thread.start()
        self.urls = self._do(self._start())
        self.world.site_url = self.urls["producer_site"]

    def settings(self) -> dict[str, str]:
        """With every provider on, and paces that no test waits for."""
        site = self.urls["producer_site"].rpartition(":")[2]
        return {
            "GOOGLE_VISION_URL": self.urls["google_vision"],
            "GOOGLE_VISION_API_KEY": google_vision.KEY,
            "SERPAPI_URL": self.urls["serpapi"],
            "SERPAPI_API_KEY": serpapi.KEY,
            "EBAY_URL": self.urls["ebay"],
            "EBAY_CLIENT_ID": ebay.CLIENT_ID,
            "EBAY_CLIENT_SECRET": ebay.CLIENT_SECRET,
            "AZURE_VISION_ENDPOINT": self.urls["azure_vision"],
            "AZURE_VISION_KEY": azure_vision.KEY,
            "VISION_MODEL_URL": f"{self.urls['vision_model']}/v1",
            "VISION_MODEL_NAME": openai_compatible.MODEL,
            "VISION_MODEL_API_KEY": openai_compatible.KEY,
            "LOOKUP_COUNTRY": COUNTRY,
            "FETCH_ALLOW": f"127.0.0.0/8:{site}",
        }

    def pictures(self) -> Mapping[str, list[bytes]]:
        """What each vendor had to look at since it last forgot."""
        return {
            name: [sent.picture for sent in desk.received if sent.picture is not None]
            for name, desk in self.desks.items()
        }

    def forget(self) -> None:
        """Every desk is well again, and has been sent nothing."""
        for desk in self.desks.values():
            desk.forget()

    def close(self) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_TIMEOUT_S)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_TIMEOUT_S)

    async def _start(self) -> dict[str, str]:
        return {name: await self._listen(app) for name, app in self._apps().items()}

    def _apps(self) -> dict[str, web.Application]:
        search = [web.get(f"/{path}", self._search) for path in ("search", "search.json")]
        account = [web.get(f"/{path}", self._serpapi.account.handle) for path in ("account", "account.json")]
        routes = {
            "google_vision": [web.post(google_vision.PATH, self._google_vision.desk.handle)],
            "serpapi": search + account,
            "ebay": [
                web.post(ebay.TOKEN_PATH, self.ebay.tokens.handle),
                web.post(ebay.IMAGE_PATH, self.ebay.image.handle),
                web.get(ebay.SEARCH_PATH, self.ebay.search.handle),
            ],
            "azure_vision": [web.post(azure_vision.PATH, self._azure.desk.handle)],
            "vision_model": [web.post(openai_compatible.PATH, self._model.desk.handle)],
            "producer_site": [web.get("/{path:.*}", self._site.desk.handle)],
        }
        apps = {"control": control_app(self.desks)}
        for vendor, handlers in routes.items():
            apps[vendor] = web.Application(client_max_size=_LARGEST_BODY_BYTES)
            apps[vendor].add_routes(handlers)
        return apps

    async def _search(self, request: web.Request) -> web.StreamResponse:
        return await self._serpapi.desk_for(request.query.get("engine", "")).handle(request)

    async def _listen(self, app: web.Application) -> str:
        # Who goes away ends what was made for it: a desk that hangs must not count it as under way.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        self._runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
