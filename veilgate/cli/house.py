"""The parts of the house that a command works with, opened from the settings as they are needed."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import WrongSettings, get_config
from veilgate.domain.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    ObjectStoreUnavailable,
    QueueUnavailable,
    SearchUnavailable,
    Unavailable,
)
from veilgate.domain.pictures import PictureLimits
from veilgate.persistence.unit_of_work import Database
from veilgate.services.jobs.job_lists import JobLists
from veilgate.services.verification.house_checks import Scope, house_checks
from veilgate.services.verification.verification import Verification
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import configure_logging
from veilgate.wiring.resources import (
    answer_forgetter,
    open_database,
    open_decode_pool,
    open_embedder,
    open_search_client,
    open_store,
    open_work_list,
    picture_limits,
    presence_reader,
    provider_settings,
    retry_policy,
)

if TYPE_CHECKING:
    from veilgate.inference.ports import Embedder
    from veilgate.search.client import SearchClient
    from veilgate.services.evaluation.looking import Contestant
    from veilgate.services.finding.reembedding import Reembedding
    from veilgate.services.images.erase import Erase
    from veilgate.services.overview.cost import CostEstimates
    from veilgate.services.overview.provider_overview import ProviderOverview

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
# An operator waits longer than a caller.
_SEARCH_TIMEOUT_S = 30.0
# A reconciler at work has looked at everything within 2.25 leases; what lasts longer needs somebody.
_PATIENCE_LEASES = 3


class House:
    """Raises `ConfigurationError` when settings are wrong. What it opens is closed by `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        os.chdir(REPOSITORY_ROOT)  # where .env is read and a relative DATA_DIR begins, as for `up`
        try:
            self._config = get_config()
        except WrongSettings as error:
            raise ConfigurationError(str(error)) from error
        self._stack = stack
        # What matters of a command is its answer; what the services log beside it is for those that run on.
        configure_logging("ERROR", process="command")

    @cached_property
    def database(self) -> Database:
        return open_database(self._config, self._stack)

    @cached_property
    def store(self) -> ObjectStore:
        return open_store(self._config)

    def embedded_places(self) -> tuple[Path, Path]:
        """The SQLite file, and DATA_DIR. Raises `ConfigurationError` where rows or pictures are elsewhere."""
        storage = self._config.storage
        url = storage.effective_database_url
        for setting, is_set in (
            ("DATABASE_URL", not url.startswith("sqlite:")),
            ("S3_BUCKET", storage.s3_bucket),
        ):
            if is_set:
                raise ConfigurationError(
                    f"{setting}: leads to a server, which docs/backup.md says how to save"
                )
        return Path(url.removeprefix("sqlite:///").partition("?")[0]), storage.data_dir.resolve()

    @cached_property
    def lists(self) -> JobLists:
        return open_work_list(self._config, self._stack)

    @cached_property
    def who_is_present(self) -> Callable[[], dict[str, list[dict[str, Any]]]]:
        return presence_reader(self._config, self._stack)

    @cached_property
    def erase(self) -> "Erase":
        from veilgate.services.images.erase import Erase

        forget_answers = answer_forgetter(self._config, self._stack)
        return Erase(self.database, self.store, forget_answers=forget_answers)

    @cached_property
    def search(self) -> "SearchClient":
        return open_search_client(self._config, self._stack, timeout_s=_SEARCH_TIMEOUT_S)

    def reembedding(self) -> "Reembedding":
        """Before anything else that is opened: see `open_decode_pool`."""
        from veilgate.services.finding.reembedding import Reembedding
        from veilgate.services.finding.veiled_views import VeiledViews

        pool = open_decode_pool(self._config, self._stack, children=1)
        return Reembedding(self.database, VeiledViews(self.store, pool.decode))

    def embedder(self) -> "Embedder":
        """The one that EMBEDDING_MODEL_PATH names. Raises `ModelMissing`."""
        return open_embedder(self._config)

    def contestant(self, model: str) -> "Contestant":
        """A detector to be measured, by id or file. Raises `ModelMissing` and `ConfigurationError`."""
        from veilgate.wiring.named_models import open_contestant

        return open_contestant(self._config, model)

    def known_models(self) -> list[dict[str, str]]:
        """The lines of the manifest."""
        from veilgate.wiring.named_models import known_models

        return known_models(self._config)

    @property
    def picture_limits(self) -> PictureLimits:
        return picture_limits(self._config)

    def verification(self, *, deep: bool, repair: bool) -> Verification:
        patience_ms = int(self._config.queue.job_lease_s * 1000 * _PATIENCE_LEASES)
        policy = retry_policy(self._config)
        scope = Scope(patience_ms, deep=deep)
        checks = house_checks(self.database, self.store, self.lists, policy=policy, scope=scope)
        return Verification(checks, repair=repair)

    def provider_overview(self) -> "ProviderOverview":
        """Raises `ConfigurationError` when LOOKUP_LIMITS is wrong."""
        from veilgate.services.overview.provider_overview import ProviderOverview

        return ProviderOverview(
            self.database,
            provider_settings(self._config),
            limits=self._config.lookups.lookup_limits,
            can_link=bool(self._config.search.public_base_url or self._config.storage.s3_bucket),
        )

    def cost_estimates(self) -> "CostEstimates":
        """Raises `ConfigurationError` when PRICES_FILE is wrong."""
        from veilgate.services.overview.cost import CostEstimates
        from veilgate.services.overview.prices import read_prices

        prices = read_prices(self._config.telemetry.prices_file)
        return CostEstimates(
            self.database,
            prices,
            workers_a_machine=self._config.worker.num_workers,
            providers=lambda: self.provider_overview().lines(),
        )

    @property
    def lookup_daily_usd(self) -> float:
        return self._config.lookups.lookup_daily_usd

    def blame(self, error: Unavailable) -> str:
        """What is away, behind the setting that says where it is."""
        storage = self._config.storage
        settings: dict[type[Unavailable], str] = {
            DatabaseUnavailable: "DATABASE_URL",
            ObjectStoreUnavailable: "S3_BUCKET" if storage.s3_bucket else "DATA_DIR",
            QueueUnavailable: "REDIS_URL",
            SearchUnavailable: "SEARCH_URL" if self._config.search.search_url else "DATA_DIR",
        }
        setting = settings.get(type(error))
        return f"{setting}: {error.message}" if setting else error.message
