"""The plugin's side of HashiCorp go-plugin: broker, controller, stdio and health services, spoken by hand.

The four messages are so small that generated code would be longer. docs/protocol.md says what each is for.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import grpc

#: Bounds a gRPC message in bytes, as on the host's side.
MAX_MESSAGE = 64 << 20

#: The exit status of a plugin whose host ended without saying so.
EXIT_HOST_GONE = 3

CHANNEL_OPTIONS = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
# A socket's path is no host name: some servers refuse the one that is made of it.
CLIENT_OPTIONS = [*CHANNEL_OPTIONS, ("grpc.default_authority", "localhost")]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: bytes) -> dict[int, int | bytes]:
    """The fields of a protobuf message of numbers and strings, by number."""
    at, out = 0, {}
    while at < len(data):
        key, at = _varint(data, at)
        value: int | bytes
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            size, at = _varint(data, at)
            value = data[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {key & 7} in a message of go-plugin's broker")
        out[key >> 3] = value
    return out


class Process:
    """This process, and the folder of its socket."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def leave(self, status: int) -> NoReturn:
        """End at once, whatever the threads do."""
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            sys.stderr.flush()
        finally:
            os._exit(status)

    def leave_after(self, seconds: float, status: int) -> None:
        """End in a moment."""
        timer = threading.Timer(seconds, self.leave, (status,))
        timer.daemon = True
        timer.start()

    def watch_host(self) -> None:
        """End soon after the parent, or after the host where that is another process."""
        parent = os.getppid()
        host = int(os.environ.get("GENBENCH_HOST_PID") or 0)

        def watch() -> None:
            while True:
                time.sleep(0.25)
                if os.getppid() != parent or (host > 1 and _gone(host)):
                    self.leave(EXIT_HOST_GONE)

        threading.Thread(target=watch, daemon=True, name="genbench-watch").start()


class Broker:
    """Remembers where the host serves, which it tells on a stream that it holds open for life."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._known = threading.Condition()
        self._addresses: dict[int, str] = {}
        self._channels: dict[tuple[int, str], grpc.Channel] = {}

    def start_stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """GRPCBroker.StartStream: ConnInfo{service_id = 1, network = 2, address = 3}."""
        context.send_initial_metadata(())
        with self._known:
            self._addresses.clear()
        # The stream's end is the host's. An orderly shutdown ends it too: that has this long to finish.
        context.add_callback(lambda: self._process.leave_after(0.2, EXIT_HOST_GONE))
        for raw in requests:
            f = fields(raw)
            network, address = _string(f.get(2, b"")), _string(f.get(3, b""))
            with self._known:
                self._addresses[_int(f.get(1, 0))] = "unix:" + address if network == "unix" else address
                self._known.notify_all()
        return
        yield b""

    def dial(self, ident: int, target: str = "", patience: float = 5.0) -> grpc.Channel:
        """The channel to what the host serves under that number, or at that target."""
        with self._known:
            channel = self._channels.get((ident, target))
            if channel is None:
                if not target:
                    if not self._known.wait_for(lambda: ident in self._addresses, patience):
                        raise TimeoutError(f"genbench announced no connection {ident}")
                    address = self._addresses[ident]
                channel = grpc.insecure_channel(target or address, CLIENT_OPTIONS)
                self._channels[ident, target] = channel
            return channel


def _string(value: int | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else ""


def _int(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _same(data: bytes) -> bytes:
    return data


def services(process: Process, broker: Broker) -> tuple[Any, ...]:
    """The handlers that go-plugin's client asks for."""

    def shutdown(request: bytes, context: grpc.ServicerContext) -> bytes:
        process.leave_after(0.01, 0)  # reply first
        return b""

    def stdio(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        # The host reads descriptor 2 itself. The stream stays open for life, for go-plugin's client waits on it.
        done = threading.Event()
        context.add_callback(done.set)
        done.wait()
        return
        yield b""

    def check(request: bytes, context: grpc.ServicerContext) -> bytes:
        return b"\x08\x01"  # SERVING

    service = grpc.method_handlers_generic_handler
    return (
        service("plugin.GRPCBroker", {"StartStream": grpc.stream_stream_rpc_method_handler(broker.start_stream, _same, _same)}),
        service("plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown, _same, _same)}),
        service("plugin.GRPCStdio", {"StreamStdio": grpc.unary_stream_rpc_method_handler(stdio, _same, _same)}),
        service("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check, _same, _same)}),
    )
