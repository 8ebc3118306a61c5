"""Settings to whatever decides who is let in, and how much each may ask for."""

import sys
from contextlib import suppress
from ipaddress import ip_network

from config import Config
from veilgate.api.callers import Anonymity, Callers
from veilgate.api.client_address import TrustedProxies
from veilgate.api.container import FrontDoor
from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access.access import Access, TokenReader
from veilgate.services.access.audit import Audit
from veilgate.services.access.keys import Keys
from veilgate.services.access.sessions import Sessions
from veilgate.settings.checks import Environment, is_public, listed
from veilgate.telemetry.logging import get_logger
from veilgate.wiring.resources import open_quotas

_log = get_logger(__name__)


def anonymity(config: Config) -> Anonymity:
    """Who may call without a key: whoever ALLOW_ANONYMOUS says, else callers on this machine where nobody
    else can reach us."""
    given = config.access.allow_anonymous
    is_private = not is_public(config.server.host) and not _is_production(config)
    has_proxies = bool(config.access.trusted_proxies)
    return Anonymity(here=given is None and is_private and not has_proxies, anywhere=bool(given))


def require_a_way_in(config: Config, database: Database) -> None:
    """Raises `ConfigurationError` when nobody at all could call. While the database is away nobody knows."""
    rule = anonymity(config)
    if rule.anywhere:
        _log.warning("gateway.anonymous", reason="ALLOW_ANONYMOUS=1: whoever reaches this gateway may use it")
    if rule.here or rule.anywhere or open_tokens(config):
        return
    with suppress(DatabaseUnavailable):
        if not Keys(database).any_usable():
            raise ConfigurationError(
                f"Nobody may call: HOST={config.server.host} needs callers to show who they are, and no key "
                f"exists. Make one with `{sys.executable} -m veilgate keys create --owner NAME`, or set "
                "JWT_JWKS_URL or JWT_SECRET; ALLOW_ANONYMOUS=1 lets everybody in."
            )


def open_tokens(config: Config) -> TokenReader | None:
    """Who reads JSON Web Tokens, if any are taken. Imported here: most houses take none."""
    access = config.access
    if not access.jwt_jwks_url and not access.jwt_secret.get_secret_value():
        return None
    from veilgate.services.access.tokens import Tokens

    return Tokens(
        secret=access.jwt_secret.get_secret_value(),
        jwks_url=access.jwt_jwks_url,
        issuer=access.jwt_issuer,
        audience=access.jwt_audience,
    )


def open_front_door(config: Config, database: Database) -> FrontDoor:
    """Its quotas are closed on the event loop, when the gateway ends."""
    access, quotas = Access(database, open_tokens(config)), open_quotas(config)
    networks = tuple(ip_network(text) for text in listed(config.access.trusted_proxies))
    callers = Callers(
        access,
        quotas,
        anonymity=anonymity(config),
        proxies=TrustedProxies(networks),
        origins=frozenset(listed(config.access.cors_allow_origins)),
    )
    sessions = Sessions(database, access, lifetime_s=config.access.session_s)
    return FrontDoor(callers, quotas, sessions, Audit(database))


def _is_production(config: Config) -> bool:
    return config.server.environment is Environment.PRODUCTION
