"""OPC UA with a real client: browse, read, subscribe, be told of alarms, and be refused."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Node, ua
from asyncua.crypto import cert_gen
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import der_from_x509
from cryptography.x509 import UniformResourceIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from monitor.config import OpcUaSettings, PlantSettings, Settings
from monitor.domain import ConfigError
from monitor.plant.opcua.login import certificate_files, password_of
from monitor.plant.opcua.names import AM, DI, HEALTH, ITEMS, MACHINERY, OWN, PROCESS, RUN, TOOL
from monitor.plant.opcua.server import serve
from monitor.plant.opcua.thread import OpcUaThread
from monitor.store import AlarmBook
from tests.report.alarms import raised_alarm
from tests.web.synthetic import Faults, SyntheticBuild, small_settings, write_statuses

PASSWORD = "correct horse"
PATIENCE_S = 20.0
URI = "urn:test:client"


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Settings, SyntheticBuild]:
    """Three layers, of which 1 is missing, behind an OPC UA server with one user."""
    settings = small_settings(tmp_path / "store")
    build = SyntheticBuild(settings, faults=Faults(no_webcam=(1,)))
    for index in range(3):
        build.commit(index)
        build.process(index)
    write_statuses(settings, build.id, 2)
    return settings, build


def offering(settings: Settings, folder: Path, **changes: Any) -> Settings:
    """The same settings with an OPC UA server on a free port."""
    secret = folder / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    opcua = OpcUaSettings.model_validate(
        {"enabled": True, "port": port, "password_file": secret, "poll_s": 0.1, **changes}
    )
    return settings.model_copy(update={"plant": PlantSettings(opcua=opcua)})


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The server in this loop; gives its address."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    stop = threading.Event()
    task = asyncio.create_task(serve(settings, stop))
    port = settings.plant.opcua.port
    for _ in range(200):
        if task.done():
            await task
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.05)
    try:
        yield f"opc.tcp://127.0.0.1:{port}/lpbf-monitor"
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


def make_client(folder: Path, days: int = 1) -> Path:
    """A certificate of a client and its key, `client.der` and `client.pem`; the first."""
    key = cert_gen.generate_private_key()
    made = cert_gen.generate_self_signed_app_certificate(
        key, "client", {"commonName": "client"}, [UniformResourceIdentifier(URI)],
        extended=[ExtendedKeyUsageOID.CLIENT_AUTH], days=days,
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "client.der").write_bytes(der_from_x509(made))
    (folder / "client.pem").write_bytes(cert_gen.dump_private_key_as_pem(key))
    return folder / "client.der"


@asynccontextmanager
async def connected(
    url: str, folder: Path, user: str | None = "plant", password: str = PASSWORD
) -> AsyncIterator[Client]:
    """A client on a signed and encrypted channel, with the certificate in the folder, made where there is none."""
    uri = URI
    if not (folder / "client.der").is_file():
        make_client(folder)
    client = Client(url)
    client.application_uri = uri
    if user is not None:
        client.set_user(user)
        client.set_password(password)
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        folder / "client.der",
        folder / "client.pem",
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    async with client:
        yield client


async def find(client: Client, *path: tuple[str, str]) -> Node:
    """A node by namespaces and browse names, from the machine down."""
    index = {uri: await client.get_namespace_index(uri) for uri, _ in ((MACHINERY, ""), *path)}
    machines = await client.nodes.objects.get_child([f"{index[MACHINERY]}:Machines"])
    (machine,) = await machines.get_children()
    return await machine.get_child([f"{index[uri]}:{name}" for uri, name in path])


async def until(read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Wait until a value is there."""
    for _ in range(int(PATIENCE_S / 0.05)):
        with suppress(ua.UaStatusCodeError):
            if await read() == wanted:
                return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"never {wanted!r}")


@dataclass
class Heard:
    """What a subscription said."""

    values: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    def datachange_notification(self, node: Node, value: Any, data: Any) -> None:
        self.values.append(value)

    def event_notification(self, event: Any) -> None:
        self.events.append(event)


def test_a_client_browses_and_reads(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """Machine, job run, process values with units, health: the numbers are those of the store."""
    settings, build = grown

    async def play() -> None:
        async with serving(offering(settings, tmp_path)) as url, connected(url, tmp_path) as client:
            layer = await find(client, *RUN, (AM, "CurrentLayer"))
            await until(layer.read_value, 3)
            assert await (await find(client, *RUN, (AM, "Identifier"))).read_value() == build.id
            assert await (await find(client, *RUN, (AM, "State"))).read_value() == "Running"
            assert await (await find(client, *RUN, (OWN, "LayersMissing"))).read_value() == 1
            assert await (await find(client, *HEALTH, (OWN, "AcquisitionUp"))).read_value() is True
            height = await find(client, *PROCESS, (OWN, "BuildHeight"))
            assert await height.read_value() == pytest.approx(0.09)
            unit = await (await height.get_child(["0:EngineeringUnits"])).read_value()
            assert (unit.UnitId, unit.DisplayName.Text) == (5066068, "mm")
            kind = await (await find(client, (DI, "Identification"), (AM, "AMTechnologyIdentifier"))).read_value()
            assert kind == "PBF-LB"
            for item in ITEMS:
                assert (await (await find(client, *item.place, item.name)).read_description()).Text == item.words

    asyncio.run(play())


def test_a_subscription_hears_a_new_layer(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """A layer that is committed while the client listens comes as a data change."""
    settings, build = grown

    async def play() -> None:
        async with serving(offering(settings, tmp_path)) as url, connected(url, tmp_path) as client:
            layer = await find(client, *RUN, (AM, "CurrentLayer"))
            await until(layer.read_value, 3)
            heard = Heard()
            subscription = await client.create_subscription(50, heard)
            await subscription.subscribe_data_change(layer)
            await asyncio.to_thread(build.commit, 3, datetime.now(UTC))

            async def last() -> Any:
                return heard.values[-1] if heard.values else None

            await until(last, 4)
            assert heard.values == [3, 4]

    asyncio.run(play())


def test_an_alarm_is_an_event_with_its_states(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """Raised: active and unacknowledged; seen: acknowledged, by whom and why."""
    settings, build = grown
    root = settings.store.root

    async def play() -> None:
        async with serving(offering(settings, tmp_path)) as url, connected(url, tmp_path) as client:
            await until((await find(client, *RUN, (AM, "CurrentLayer"))).read_value, 3)
            heard = Heard()
            subscription = await client.create_subscription(50, heard)
            messages = await find(client, (TOOL, "Notification"), (TOOL, "Messages"))
            await subscription.subscribe_events(messages, ua.ObjectIds.AlarmConditionType)
            alarm = await asyncio.to_thread(raised_alarm, root, build.id, 2)

            async def told() -> int:
                return len(heard.events)

            await until(told, 1)
            first = heard.events[0]
            assert first.Message.Text == "Segmentation not believed: 31 % of the area is open (layer 2)"
            assert (first.Severity, first.ConditionName, first.Retain) == (500, "segmentation", True)
            assert (getattr(first, "ActiveState/Id"), getattr(first, "AckedState/Id")) == (True, False)
            await asyncio.to_thread(AlarmBook(root).acknowledge, alarm.id, "Ada", "powder on the lens")
            await until(told, 2)
            assert getattr(heard.events[1], "AckedState/Id") is True
            assert (heard.events[1].ClientUserId, heard.events[1].Comment.Text) == ("Ada", "powder on the lens")
            assert await (await find(client, (TOOL, "Notification"), (OWN, "OpenAlarms"))).read_value() == 1

    asyncio.run(play())


def test_strangers_are_refused(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """Nameless, with a wrong password, under another name, or on an open channel: none gets a session."""
    settings, _ = grown

    async def play() -> None:
        async with serving(offering(settings, tmp_path)) as url:
            for user, password in ((None, ""), ("plant", "wrong"), ("admin", PASSWORD)):
                with pytest.raises(ua.UaError):
                    async with connected(url, tmp_path, user, password):
                        pass
            client = Client(url)
            client.set_user("plant")
            client.set_password(PASSWORD)
            with pytest.raises((ua.UaError, ConnectionError, TimeoutError)):
                await client.connect()

    asyncio.run(play())


def test_only_a_client_whose_certificate_is_trusted_gets_in(
    grown: tuple[Settings, SyntheticBuild], tmp_path: Path
) -> None:
    """The right password is not enough; a certificate that is put into the folder, or taken out, counts at once."""
    settings, _ = grown
    trusted, right, wrong = (tmp_path / name for name in ("trusted", "right", "wrong"))
    trusted.mkdir()
    (trusted / "notes.pem").write_text("no certificate")
    shutil.copy(make_client(right), trusted / "right.der")
    make_client(wrong)

    async def enters(url: str, folder: Path) -> bool:
        try:
            async with connected(url, folder) as client:
                return bool(await client.nodes.objects.get_children())
        except ua.UaError:
            return False

    async def play() -> None:
        async with serving(offering(settings, tmp_path, trusted=trusted)) as url:
            assert await enters(url, right)
            assert not await enters(url, wrong)
            shutil.copy(wrong / "client.der", trusted / "wrong.der")
            (trusted / "right.der").unlink()
            assert await enters(url, wrong)
            assert not await enters(url, right)

    asyncio.run(play())


def test_a_trusted_certificate_that_is_only_claimed_lets_nobody_in(
    grown: tuple[Settings, SyntheticBuild], tmp_path: Path
) -> None:
    """Trusted certificates are no secret: what counts is the one whose key the client's channel was opened with."""
    settings, _ = grown
    trusted, right, wrong = (tmp_path / name for name in ("trusted", "right", "wrong"))
    trusted.mkdir()
    claimed = make_client(right)
    shutil.copy(claimed, trusted)
    make_client(wrong)

    async def play() -> None:
        async with serving(offering(settings, tmp_path, trusted=trusted)) as url:
            client = Client(url)
            create = client.uaclient.create_session

            async def lying(params: Any) -> Any:
                params.ClientCertificate = claimed.read_bytes()
                return await create(params)

            client.uaclient.create_session = lying
            client.application_uri = URI
            client.set_user("plant")
            client.set_password(PASSWORD)
            files = wrong / "client.der", wrong / "client.pem"
            mode = ua.MessageSecurityMode.SignAndEncrypt
            await client.set_security(SecurityPolicyBasic256Sha256, *files, mode=mode)
            with pytest.raises(ua.UaStatusCodeError) as caught:
                await client.connect()
            assert caught.value.code == ua.StatusCodes.BadUserAccessDenied

    asyncio.run(play())


def test_nobody_writes(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """The user of the plant reads; a write is refused and changes nothing."""
    settings, _ = grown

    async def play() -> None:
        async with serving(offering(settings, tmp_path)) as url, connected(url, tmp_path) as client:
            layer = await find(client, *RUN, (AM, "CurrentLayer"))
            await until(layer.read_value, 3)
            with pytest.raises(ua.UaError):
                await layer.write_value(99, ua.VariantType.UInt32)
            async with connected(url, tmp_path) as another:
                assert await (await find(another, *RUN, (AM, "CurrentLayer"))).read_value() == 3

    asyncio.run(play())


def test_nameless_clients_read_where_they_are_let_in(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """Only where the configuration says so."""
    settings, _ = grown

    async def play() -> None:
        let_in = offering(settings, tmp_path, anonymous=True)
        async with serving(let_in) as url, connected(url, tmp_path, user=None) as client:
            await until((await find(client, *RUN, (AM, "CurrentLayer"))).read_value, 3)

    asyncio.run(play())


def test_what_cannot_be_told_is_bad_not_old(tmp_path: Path) -> None:
    """An empty store has no layer: the value has a bad status."""
    settings = small_settings(tmp_path / "store")
    settings.store.root.mkdir()

    async def play() -> None:
        async with serving(offering(settings, tmp_path)) as url, connected(url, tmp_path) as client:
            height = await find(client, *PROCESS, (OWN, "BuildHeight"))
            with pytest.raises(ua.UaStatusCodeError) as caught:
                await height.read_value()
            assert caught.value.code == ua.StatusCodes.BadNoDataAvailable

    asyncio.run(play())


def test_the_password_file_must_be_private(tmp_path: Path) -> None:
    """Empty, open to everybody or absent: said with the cure."""
    path = tmp_path / "password"
    settings = OpcUaSettings(enabled=True, password_file=path)
    with pytest.raises(ConfigError, match="cannot be read"):
        password_of(settings)
    path.write_text("")
    with pytest.raises(ConfigError, match="empty"):
        password_of(settings)
    path.write_text("secret")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="open to everybody"):
        password_of(settings)


def test_the_key_is_kept_private_and_used_again(tmp_path: Path) -> None:
    """The server's own certificate is made once, so that a client that trusted it may go on trusting it."""
    certificate, key = certificate_files(OpcUaSettings(), tmp_path / "plant", "urn:test", "host")
    first = certificate.read_bytes(), key.read_bytes()
    assert certificate_files(OpcUaSettings(), tmp_path / "plant", "urn:test", "host") == (certificate, key)
    assert (certificate.read_bytes(), key.read_bytes()) == first
    assert key.stat().st_mode & 0o077 == 0


def test_a_failure_stays_in_its_thread(grown: tuple[Settings, SyntheticBuild], tmp_path: Path) -> None:
    """A taken port is tried again, a wrong file is given up: whoever holds the thread never sees an error."""
    settings = offering(grown[0], tmp_path)
    with socket.create_server(("127.0.0.1", settings.plant.opcua.port)), OpcUaThread(settings) as thread:
        for _ in range(200):
            if thread.state == "failed":
                break
            threading.Event().wait(0.05)
        assert thread.state == "failed"
    wrong = offering(grown[0], tmp_path, password_file=tmp_path / "nothing")
    with OpcUaThread(wrong) as thread:
        for _ in range(200):
            if thread.state == "failed":
                break
            threading.Event().wait(0.05)
        assert thread.state == "failed"
