"""`veilgate up`: the whole house in the foreground of one terminal."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from veilgate.cli.child import ChildSpec, describe_exit
from veilgate.cli.console import CommandFailed, say
from veilgate.cli.instance_lock import instance_lock
from veilgate.cli.metrics_targets import MetricsPorts, write_targets
from veilgate.cli.private_redis import PrivateRedis, socket_path_of
from veilgate.cli.readiness import GatewayAddress
from veilgate.cli.stop_signals import StopSignals
from veilgate.cli.supervisor import Supervisor

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
REDIS_TIMEOUT_S = 30.0
READY_TIMEOUT_S = 120.0
PROBE_S = 0.25  # each probe is two lines in the gateway's log
HOPELESS_ENDS = 4  # of one child before the house was ever ready: 3.5 s of pauses, and each time its reason
EXIT_INSISTED = 130
GATEWAY, SEARCH = "gateway", "search"
WRONG_SETTINGS = describe_exit(os.EX_CONFIG)  # another start would read the same


@dataclass(frozen=True)
class HousePlan:
    """What `up` needs of the settings."""

    data_dir: Path
    gateway: GatewayAddress
    redis_url: str
    redis: PrivateRedis | None
    num_workers: int
    metrics: MetricsPorts
    # SEARCH_URL leads to a search server that somebody else runs.
    searches_elsewhere: bool = False

    def env(self, **more: str) -> dict[str, str]:
        # One that was given they read themselves, be it in a file.
        private = {"REDIS_URL": self.redis_url} if self.redis else {}
        return {**os.environ, **private, "PYTHONUNBUFFERED": "1", **more}

    def script(self, name: str, *words: str, **more: str) -> ChildSpec:
        """One of our root scripts as a child."""
        return ChildSpec(name, (sys.executable, *words), self.env(**more))

    def children(self) -> list[ChildSpec]:
        """Everything beside Redis, in the order it is started."""
        return [
            self.script(
                name,
                *_words_of(family),
                WORKER_ID=name,
                METRICS_PORT=str(self.metrics.port_of(number)),
            )
            for number, (name, family) in enumerate(self.families().items())
        ]

    def families(self) -> dict[str, str]:
        """Of each child, by its name."""
        images = {f"images-{number + 1}": "images" for number in range(self.num_workers)}
        others = {name: name for name in ("deliveries", "lookups", "reconciler")}
        search = {} if self.searches_elsewhere else {SEARCH: SEARCH}
        return {GATEWAY: GATEWAY, **images, **others, **search}


def _words_of(family: str) -> tuple[str, ...]:
    """What a process of the family is started with."""
    roots = {GATEWAY: ("api_server.py",), SEARCH: ("search_server.py",)}
    return roots.get(family, ("worker.py", family))


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """`up` takes none: all it needs are settings."""


def run(_arguments: argparse.Namespace) -> int:
    """Starts the house, keeps it running until Ctrl-C or SIGTERM, and ends it in order."""
    os.chdir(REPOSITORY_ROOT)  # where .env is read and a relative DATA_DIR begins, wherever we were started
    plan = _read_plan()
    signals = StopSignals()
    holder = f"process {os.getpid()}, {plan.gateway.url}"
    with signals.listening(), instance_lock(plan.data_dir, holder=holder):
        plan.gateway.require_free()
        supervisor = Supervisor(cwd=REPOSITORY_ROOT, signals=signals)
        try:
            if _open_house(plan, supervisor=supervisor, signals=signals):
                supervisor.run_until_asked()
            say("stopping; Ctrl-C again ends everything at once")
        finally:
            supervisor.stop()
        say("stopped")
    return EXIT_INSISTED if signals.insisted else 0


def _read_plan() -> HousePlan:
    from config import WrongSettings, get_config

    try:
        config = get_config()
    except WrongSettings as error:
        raise CommandFailed(str(error)) from error
    data_dir = config.storage.data_dir.resolve()
    redis = None
    if not config.queue.redis_url.get_secret_value():
        redis = PrivateRedis(socket_path_of(config.redis_url), folder=data_dir / "redis")
    return HousePlan(
        data_dir=data_dir,
        gateway=GatewayAddress(config.server.host, config.server.port),
        redis_url=config.redis_url,
        redis=redis,
        num_workers=config.worker.num_workers,
        metrics=MetricsPorts(config.telemetry.metrics_host, config.telemetry.metrics_port),
        searches_elsewhere=bool(config.search.search_url),
    )


def _open_house(plan: HousePlan, *, supervisor: Supervisor, signals: StopSignals) -> bool:
    """True once pictures are taken and processed; False when someone asked to stop meanwhile."""
    started_at, children = time.monotonic(), plan.children()
    # Before Redis, whose files would make what a cut off restore has left look like a house.
    code = supervisor.run_to_end(plan.script("database", "init_database.py"))
    if signals.asked:
        return False
    if code != 0:
        raise CommandFailed(f"the database is not usable ({describe_exit(code)}); the reason stands above")
    if plan.redis and not _open_redis(plan, plan.redis, supervisor=supervisor, signals=signals):
        return False
    for spec in children:
        supervisor.start(spec)
    write_targets(plan.data_dir, plan.metrics, plan.families())
    if not _wait(
        plan.gateway.missing,
        timeout_s=READY_TIMEOUT_S,
        # Pictures are taken and processed without search.
        watch=[spec.name for spec in children if spec.name != SEARCH],
        supervisor=supervisor,
        signals=signals,
    ):
        return False
    _say_welcome(plan, took_s=time.monotonic() - started_at)
    return True


def _open_redis(
    plan: HousePlan, redis: PrivateRedis, *, supervisor: Supervisor, signals: StopSignals
) -> bool:
    redis.end_leftover()
    supervisor.start(redis.spec(plan.env()))
    return _wait(
        lambda: "" if redis.answers() else f"Redis does not answer; its log ends:\n{redis.last_log_lines()}",
        timeout_s=REDIS_TIMEOUT_S,
        watch=["redis"],
        supervisor=supervisor,
        signals=signals,
    )


def _wait(
    missing: Callable[[], str],
    *,
    timeout_s: float,
    watch: list[str],
    supervisor: Supervisor,
    signals: StopSignals,
) -> bool:
    """Waits until nothing is missing. False when asked to stop; CommandFailed when it is hopeless."""
    deadline = time.monotonic() + timeout_s
    while not signals.asked:
        supervisor.tick()
        what = missing()
        if not what:
            return True
        ends = {name: supervisor.ends_of(name) for name in watch}
        hopeless = any(len(end) >= HOPELESS_ENDS or WRONG_SETTINGS in end for end in ends.values())
        if time.monotonic() > deadline or hopeless:
            died = [
                f"{name} ended {len(end)} times, last with {end[-1]}" for name, end in ends.items() if end
            ]
            raise CommandFailed("\n  ".join(["giving up; what was printed above says more", *died, what]))
        time.sleep(PROBE_S)
    return False


def _say_welcome(plan: HousePlan, *, took_s: float) -> None:
    say(f"ready after {took_s:.1f} s")
    say(f"  gateway   {plan.gateway.url}")
    say(f"  try it    curl -F file=@photo.jpg {plan.gateway.url}/upload")
    say(f"  docs      {plan.gateway.url}/docs")
    if plan.metrics.first:
        say(f"  metrics   {plan.metrics.address_of(0).url}/metrics and one more port for each process")
    say(f"  data      {plan.data_dir}")
    say("Ctrl-C stops")
