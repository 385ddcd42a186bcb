"""A gRPC channel to an NI gRPC Device Server. Owns that no call can hang; refuses to know what is called.

nidaqmx calls without a deadline, so a pulled network cable would stop its caller for good. An interceptor gives every
call one. The channel is not encrypted: the server belongs on the machine's own network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from monitor.domain import DeviceNotFound

OPTIONS = [
    # 4 channels × 200 000 samples of float64 exceed gRPC's 4 MiB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class _Deadline(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Gives every call the same time limit."""

    def __init__(self, call_s: float) -> None:
        self._call_s = call_s

    def intercept_unary_unary(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        return continuation(details._replace(timeout=self._call_s), request)


def connect(address: str, connect_s: float, call_s: float) -> tuple[grpc.Channel, grpc.Channel]:
    """Connect to a server.

    Args:
        address: host:port.
        connect_s: how long connecting may take, in s.
        call_s: how long any call may take, in s.

    Returns:
        The channel, which closes the connection, and the same with a deadline on every call.

    Raises:
        DeviceNotFound: nobody answers there.
    """
    channel = grpc.insecure_channel(address, options=OPTIONS)
    try:
        grpc.channel_ready_future(channel).result(timeout=connect_s)
    except grpc.FutureTimeoutError as error:
        channel.close()
        raise DeviceNotFound(
            f"NI-9223: no gRPC server answers at {address} within {connect_s} s",
            cure="start ni_grpc_device_server there, and check trigger.grpc_address, network and firewall",
        ) from error
    return channel, grpc.intercept_channel(channel, _Deadline(call_s))
