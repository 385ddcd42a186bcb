"""The OPC UA server's life. Owns its socket and its loop over the store; refuses to know the page."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

import structlog
from asyncua import Server, ua

from monitor.config import Settings
from monitor.domain import StoreError
from monitor.plant.opcua.login import ReadOnly, Users, certificate_files, password_of
from monitor.plant.opcua.space import Space
from monitor.plant.opcua.trust import TrustList
from monitor.plant.state import Lookout

log = structlog.get_logger("plant")

PATH = "lpbf-monitor"
SECURE = (ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,)
OPEN = (ua.SecurityPolicyType.NoSecurity,)
STOP_S = 0.2


async def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve the store's state until `stop`.

    Raises:
        ConfigError: password, certificate or the trusted ones cannot be used.
        OSError: the address is taken, or the certificate cannot be kept.
    """
    logging.getLogger("asyncua").setLevel(logging.WARNING)
    server = await _made(settings)
    space = Space(server)
    await space.build(settings.plant.opcua.machine)
    lookout = Lookout(settings)
    async with server:
        log.info("OPC UA served", url=server.endpoint.geturl())
        while not stop.is_set():
            try:
                await space.tell(await asyncio.to_thread(lookout.look))
            except StoreError as error:
                log.warning("the store cannot be read", what=error.what, cure=error.cure)
                await space.fail()
            await _pause(settings.plant.opcua.poll_s, stop)


async def _made(settings: Settings) -> Server:
    """A server with its security, not listening yet."""
    wanted, host = settings.plant.opcua, socket.gethostname()
    uri = f"urn:{host}:lpbf-monitor"
    trust = TrustList(wanted.trusted) if wanted.trusted else None
    server = Server(user_manager=Users(wanted, password_of(wanted), trust))
    await server.init()
    await server.set_application_uri(uri)
    server.set_server_name("lpbf-monitor")
    server.product_uri = "urn:lpbf-monitor"
    server.manufacturer_name = "lpbf-monitor"
    server.set_endpoint(f"opc.tcp://{wanted.host}:{wanted.port}/{PATH}")
    certificate, key = certificate_files(wanted, settings.store.root / "plant", uri, host)
    await server.load_certificate(certificate)
    await server.load_private_key(key)
    server.set_security_policy([*SECURE, *(() if wanted.encryption_only else OPEN)], permission_ruleset=ReadOnly())
    tokens = [*((ua.AnonymousIdentityToken,) if wanted.anonymous else ()), ua.UserNameIdentityToken]
    server.set_identity_tokens(tokens)
    return server


async def _pause(seconds: float, stop: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until and not stop.is_set():
        await asyncio.sleep(min(STOP_S, max(0.0, until - loop.time())))
