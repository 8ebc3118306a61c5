"""Routes that are asked hundreds of times a second."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from starlette.types import Receive, Scope, Send

from veilgate.api.container import container_of, current_owner
from veilgate.api.guarded_route import GuardedRoute

_GIVEN: dict[str, Callable[[Request], Any]] = {
    "request": lambda request: request,
    "parts": container_of,
    "owner": current_owner,
}


class DirectRoute(GuardedRoute):
    """Calls its function itself where no parameter is in the query, in place of FastAPI's resolving of them.

    In /docs it is a route like any other. Its function is async and takes what `_GIVEN` names and texts
    from the path; parameters of the query have defaults, and requests that give them go FastAPI's way, unless
    the function reads its query itself.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        super().__init__(path, endpoint, **settings)
        names = inspect.signature(endpoint).parameters
        self._refuse_what_would_be_skipped(names)
        self._resolves_query = bool(self.dependant.query_params)
        self._given = [(name, give) for name, give in _GIVEN.items() if name in names]

    def _refuse_what_would_be_skipped(self, names: Mapping[str, inspect.Parameter]) -> None:
        """What FastAPI would resolve and we would not: a check that is left out must not look like one."""
        if self.dependencies:
            raise TypeError(f"{self.path}: a direct route would skip its dependencies")
        in_query = {field.name for field in self.dependant.query_params}
        in_path = {field.name for field in self.dependant.path_params}
        if unknown := set(names) - set(_GIVEN) - in_query - in_path:
            raise TypeError(f"{self.path}: a direct route cannot give {', '.join(sorted(unknown))}")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (self._resolves_query and scope["query_string"]) or scope["method"] not in (self.methods or ()):
            await super().answer(scope, receive, send)
            return
        request = Request(scope, receive, send)
        given = {name: give(request) for name, give in self._given}
        answer = await self.endpoint(**given, **scope["path_params"])
        await answer(scope, receive, send)
