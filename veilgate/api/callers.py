"""Who makes a request: by key, token or session, or as nobody in particular where that is allowed."""

import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from veilgate.api.client_address import TrustedProxies, counted_address, is_on_this_machine
from veilgate.api.quotas import Quotas
from veilgate.domain.access import ANONYMOUS, ANONYMOUS_CALLER, Caller
from veilgate.domain.errors import Forbidden, Unauthorized, Unavailable
from veilgate.services.access.access import Access
from veilgate.services.access.credentials import is_key, is_session
from veilgate.services.access.sessions import csrf_token

SESSION_COOKIE = "veilgate_session"
CSRF_HEADER = "X-CSRF-Token"
_LONGEST_CREDENTIAL = 8192
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Whoever puts a key into an address has it in logs and histories: said at once, not taken.
_KEY_PARAMETERS = ("key", "api_key", "apikey", "token", "access_token")


@dataclass(frozen=True, slots=True)
class Anonymity:
    """Who may call without saying who they are. `here`: callers on this machine; `anywhere`: everybody."""

    here: bool = False
    anywhere: bool = False


@dataclass(frozen=True, slots=True)
class Guest:
    """A caller at the door. `limited_as` is what limits count by; None of one that is not limited.
    `credential` is what the caller was known by; None of one that needed nothing."""

    caller: Caller
    limited_as: str | None
    credential: str | None = field(default=None, repr=False)


class Callers:
    """Finds out who calls. `origins` are those of web pages that may call from elsewhere."""

    def __init__(
        self,
        access: Access,
        quotas: Quotas,
        *,
        anonymity: Anonymity,
        proxies: TrustedProxies,
        origins: frozenset[str],
    ) -> None:
        self._access = access
        self._quotas = quotas
        self._anonymity = anonymity
        self._proxies = proxies
        self._origins = origins

    async def identify(self, request: Request) -> Guest:
        """Raises `Unauthorized` for who is nobody, `Forbidden` for what another site makes a browser do."""
        if given := _given_credential(request):
            return await self._shown(request, given)
        cookie = request.cookies.get(SESSION_COOKIE, "") if "cookie" in request.headers else ""
        if is_session(cookie):
            try:
                guest = await self._known(cookie)
            except Unauthorized:
                # It has ended, or is of another house on this machine: cookies ignore ports.
                request.state.session_ended = True
                return self._nobody(request)
            self._require_own_page(request)
            _require_csrf_token(request, cookie)
            return guest
        return self._nobody(request)

    async def is_still_good(self, guest: Guest) -> bool:
        """Whether who was let in would be let in now: asked while an answer goes on and on."""
        if guest.credential is None:
            return True
        try:
            await self._known(guest.credential)
        except Unauthorized:
            return False
        except Unavailable:  # nobody can tell: as for those who were let in a moment ago
            return True
        return True

    def client(self, request: Request) -> str:
        return self._proxies.client(request)

    def is_https(self, request: Request) -> bool:
        return self._proxies.is_https(request)

    async def session_key(self, request: Request) -> str:
        """The key to open a session with: from the header, and only for a page of ours."""
        self._require_own_page(request)
        key = _given_credential(request)
        if key is None:
            raise Unauthorized
        guest = await self._shown(request, key)
        await self._quotas.admit_request(guest.caller.credential_id)
        if not is_key(key):
            raise Forbidden("A session is opened with a key; a token opens none.")
        return key

    async def _shown(self, request: Request, credential: str) -> Guest:
        """Whoever shows this. Guesses are answered with 429 after a while; a good one never is, because many
        may share an address with one who guesses."""
        try:
            return await self._known(credential)
        except Unauthorized:
            await self._quotas.note_failed_login(counted_address(self.client(request)))
            raise

    async def _known(self, credential: str) -> Guest:
        caller = self._access.at_once(credential)
        if caller is None:
            caller = await run_in_threadpool(self._access.identify, credential)
        return Guest(caller, caller.credential_id, credential)

    def _nobody(self, request: Request) -> Guest:
        """A caller who shows nothing. Raises `Unauthorized` where that is not allowed."""
        if self._anonymity.here and is_on_this_machine(request):
            guest = Guest(ANONYMOUS_CALLER, None)
        elif self._anonymity.anywhere:
            guest = Guest(ANONYMOUS_CALLER, f"{ANONYMOUS}:{counted_address(self.client(request))}")
        else:
            raise Unauthorized
        self._require_own_page(request)
        return guest

    def _require_own_page(self, request: Request) -> None:
        """What a browser sends along by itself proves nothing about who made it call: pages of other sites
        may not change anything with it."""
        if request.method in _SAFE_METHODS:
            return
        origin = request.headers.get("origin")
        if origin is not None and (origin in self._origins or _is_own(origin, request)):
            return
        if origin is not None or request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise Forbidden("Pages of other sites may not do this without a key.")


def _given_credential(request: Request) -> str | None:
    """The key or token that the request shows. Raises `Unauthorized` for one shown in a wrong way."""
    if request.scope["query_string"] and any(name in request.query_params for name in _KEY_PARAMETERS):
        raise Unauthorized("A key belongs into the Authorization header, never into an address.")
    shown = [("bearer", value) for value in request.headers.getlist("x-api-key")]
    shown += [
        (kind.lower(), value.strip())
        for kind, _, value in (text.partition(" ") for text in request.headers.getlist("authorization"))
    ]
    if not shown:
        return None
    ((kind, credential), *more) = shown
    if more or kind != "bearer" or not 0 < len(credential) <= _LONGEST_CREDENTIAL or is_session(credential):
        raise Unauthorized
    return credential


def _is_own(origin: str, request: Request) -> bool:
    return origin != "null" and urlsplit(origin).netloc == request.headers.get("host")


def _require_csrf_token(request: Request, cookie: str) -> None:
    if request.method in _SAFE_METHODS:
        return
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(cookie).encode()):
        raise Forbidden(f"A session may do this only with its token in the header {CSRF_HEADER}.")
