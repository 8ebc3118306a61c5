"""Desks told and looked at over HTTP, by who does not hold them in the same process."""

from collections.abc import Mapping

from aiohttp import web

from tests.stubs.desks import Desk, Trouble


def control_app(desks: Mapping[str, Desk]) -> web.Application:
    """GET /{desk} counts, DELETE /{desk} forgets, and POST /{desk} tells how to behave:
    {"trouble", "times", "retry_after", "latency_s"}, all of which may be left out."""

    def desk_of(request: web.Request) -> Desk:
        try:
            return desks[request.match_info["desk"]]
        except KeyError:
            raise web.HTTPNotFound from None

    async def count(request: web.Request) -> web.Response:
        desk = desk_of(request)
        counts = {"calls": desk.calls, "paid": desk.paid, "wrong": len(desk.wrong)}
        return web.json_response({**counts, "most_under_way": desk.most_under_way})

    async def forget(request: web.Request) -> web.Response:
        desk_of(request).forget()
        return web.Response(status=204)

    async def behave(request: web.Request) -> web.Response:
        told, desk = await request.json(), desk_of(request)
        trouble = Trouble(told["trouble"]) if told.get("trouble") else None
        desk.behave(trouble, times=told.get("times"), retry_after=told.get("retry_after"))
        desk.latency_s = told.get("latency_s", desk.latency_s)
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.get("/{desk}", count), web.delete("/{desk}", forget), web.post("/{desk}", behave)])
    return app
