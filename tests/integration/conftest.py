"""The whole run, made once for all who look at what it said."""

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis

from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.odd_server import OddServer
from tests.fixtures.private_redis import RunningRedis
from tests.fixtures.tcp_proxy import TcpProxy
from tests.fixtures.webhook_sink import WebhookSink
from tests.integration import whole_run_steps as steps
from tests.integration.api.keys import LockedGateway, key_text
from tests.integration.test_vault import VaultStub
from tests.integration.whole_run import Outside, Run, Wires, command_lines, settings_with_secrets
from tests.stubs.serving import Stubs


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory, mariadb: RunningMariaDb, s3_server: S3Server) -> Run:
    """Ended: nothing of the house runs any more."""
    run, data_dir = Run(), tmp_path_factory.mktemp("whole") / "data"
    with ExitStack() as stack:
        wires, outside = _wires(mariadb, s3_server, stack), _outside(stack)
        settings = settings_with_secrets(run, wires, mariadb=mariadb, s3=s3_server, outside=outside)
        settings |= _vault(run, stack)
        fails = {"FAILPOINTS": f"in_infer[{steps.CURSED_SHA256}]:raise"}
        quick = {"FACE_DETECTION_MODEL_PATH": "fake", "DECODE_CHILDREN": "1", "METRICS_PORT": "0"}
        house = LockedGateway(data_dir, _redis_with_password(wires, run), **settings, **fails, **quick)
        stack.callback(house.close)
        _run(house, run, wires, outside)
    return run


def _run(house: LockedGateway, run: Run, wires: Wires, outside: Outside) -> None:
    key = run.hide("key", key_text(house, "somebody"))
    house.http.headers["Authorization"] = f"Bearer {key}"
    house.start_workers(search=True, lookups=True, deliveries=True)
    steps.work(house, run)
    steps.follow_a_picture(house, run, outside)
    steps.say_private_things(house, run, outside)
    steps.send_what_fails(house, run)
    steps.forge_lines(house)
    steps.sign_in(house, run, key)
    steps.show_wrong_credentials(house, run)
    run.said["the command lines"] = "\n".join(command_lines(house))
    steps.lose_everything(house, wires, run)
    steps.start_wrongly(house, run)
    run.log = house.log


def _wires(mariadb: RunningMariaDb, s3: S3Server, stack: ExitStack) -> Wires:
    def wire(target: int | Path) -> TcpProxy:
        return stack.enter_context(closing(TcpProxy(target)))

    # Not tmp_path: pytest's folders are longer than the 104 bytes a socket path may have.
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    redis = RunningRedis(folder, keep=False)
    stack.callback(redis.kill)
    return Wires(wire(mariadb.port), wire(folder / "redis.sock"), wire(s3.port))


def _outside(stack: ExitStack) -> Outside:
    outside = Outside(Stubs(), WebhookSink(), OddServer("127.0.0.1"))
    stack.callback(outside.stubs.close)
    stack.callback(outside.sink.down)
    stack.callback(outside.web.close)
    return outside


def _vault(run: Run, stack: ExitStack) -> dict[str, str]:
    stub = VaultStub()
    stack.callback(stub.close)
    stub.body = {"JWT_SECRET": run.hide("jwt-secret")}
    run.hide("vault-token", stub.token)
    return {"VAULT_ADDR": stub.address, "VAULT_SECRET_PATH": "secret/veilgate", "VAULT_TOKEN": stub.token}


def _redis_with_password(wires: Wires, run: Run) -> str:
    password = run.hide("redis-password")
    with Redis(host="127.0.0.1", port=wires.redis.port) as client:
        client.config_set("requirepass", password)
    return f"redis://:{quote(password, safe='')}@127.0.0.1:{wires.redis.port}/0"
