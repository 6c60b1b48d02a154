"""A host in Python: starts a plugin as genbench does, serves its quantities, asks it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np

from genbench import plugin_pb2 as pb
from genbench._goplugin import CHANNEL_OPTIONS, CLIENT_OPTIONS

PACKAGE = Path(__file__).resolve().parents[1]


def conn_info(ident: int, address: str) -> bytes:
    """ConnInfo{service_id = 1, network = 2, address = 3}, by hand."""
    text = address.encode()
    return bytes([0x08, ident, 0x12, 4]) + b"unix" + bytes([0x1A, len(text)]) + text


class Host:
    """One plugin process and the service that it asks back."""

    def __init__(self, folder: Path, program: Path, quantities: dict[str, list[tuple[str, np.ndarray]]], *, files: bool = True, **env: str) -> None:
        self.folder, self.quantities, self.files = folder, quantities, files
        self.asked: list[str] = []
        self.streamed: list[str] = []
        self._infos: queue.Queue[bytes | None] = queue.Queue()
        environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "GENBENCH_PLUGIN": "measure", "PLUGIN_PROTOCOL_VERSIONS": "1",
            "PLUGIN_UNIX_SOCKET_DIR": str(folder), "TMPDIR": str(folder), "GENBENCH_HOST_PID": str(os.getpid()), **env,
        }  # fmt: skip
        self.stderr = open(folder / "stderr", "w+b")
        self.process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, stderr=self.stderr, env=environment, cwd=folder)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline().decode().strip()
        if self.line.count("|") < 5:
            return
        self.attach("unix:" + self.line.split("|")[3])
        start = self.channel.stream_stream("/plugin.GRPCBroker/StartStream")
        self.broker = start(iter(self._infos.get, None))
        self._infos.put(conn_info(1, str(folder / "h")))

    def attach(self, target: str) -> None:
        """Connect to the plugin, and serve."""
        self.channel = grpc.insecure_channel(target, CLIENT_OPTIONS)
        self.server = grpc.server(futures.ThreadPoolExecutor(4), options=CHANNEL_OPTIONS)
        self.server.add_generic_rpc_handlers((self._service(),))
        self.server.add_insecure_port(f"unix:{self.folder}/h")
        self.server.start()

    def _service(self) -> grpc.GenericRpcHandler:
        def get(request: pb.QuantityRequest, context: grpc.ServicerContext) -> pb.QuantityResponse:
            self.asked.append(request.name)
            if request.name == "init-weights":
                return pb.QuantityResponse(missing=pb.Missing(quantity="init-weights", why="not kept"))
            if request.name == "pac-bayes":
                return pb.QuantityResponse(undefined=pb.Undefined(why="no noise costs 0.1"))
            if request.name not in self.quantities:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{request.name} is not declared")
            return pb.QuantityResponse(arrays=self.arrays(request.name))

        def stream(request: pb.StreamRequest, context: grpc.ServicerContext):
            self.streamed.append(request.array)
            data = dict(self.quantities[request.name])[request.array].tobytes()
            for i in range(0, len(data), 1 << 20):
                yield pb.Chunk(data=data[i : i + (1 << 20)])

        def evaluate(request: pb.EvaluateRequest, context: grpc.ServicerContext) -> pb.EvaluateResponse:
            return pb.EvaluateResponse(evaluated=[pb.Evaluated(loss=10 * p.scale + p.seed, accuracy=0.5) for p in request.perturbations])

        unary, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        return grpc.method_handlers_generic_handler(
            "genbench.plugin.v1.ModelHost",
            {
                "GetQuantity": unary(get, pb.QuantityRequest.FromString, pb.QuantityResponse.SerializeToString),
                "StreamQuantity": many(stream, pb.StreamRequest.FromString, pb.Chunk.SerializeToString),
                "Evaluate": unary(evaluate, pb.EvaluateRequest.FromString, pb.EvaluateResponse.SerializeToString),
            },
        )

    def arrays(self, quantity: str) -> pb.Arrays:
        """Where a quantity's arrays lie."""
        arrays = []
        for name, a in self.quantities[quantity]:
            path = self.folder / f"{quantity}.{name}"
            if self.files and not path.exists():
                path.write_bytes(b"\0" * 64 + a.tobytes())
            dtype = {"f": "f", "i": "i", "u": "u"}[a.dtype.kind] + str(8 * a.dtype.itemsize)
            arrays.append(pb.Array(name=name, dtype=dtype, shape=a.shape, path=str(path), offset=64))
        return pb.Arrays(arrays=arrays)

    def describe(self, broker_id: int = 1) -> pb.DescribeResponse:
        call = self.channel.unary_unary("/genbench.plugin.v1.Measure/Describe", pb.DescribeRequest.SerializeToString, pb.DescribeResponse.FromString)
        return call(pb.DescribeRequest(broker_id=broker_id), timeout=10)

    def start(self, measure: str, network: str = "n", **more):
        call = self.channel.unary_stream("/genbench.plugin.v1.Measure/Compute", pb.ComputeRequest.SerializeToString, pb.ComputeEvent.FromString)
        return call(pb.ComputeRequest(**{"compute": 1, "measure": measure, "network": network, "broker_id": 1, **more}), timeout=20)

    def compute(self, measure: str, network: str = "n", **more) -> pb.Result:
        return next(e.result for e in self.start(measure, network, **more) if e.HasField("result"))

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def shutdown(self) -> int:
        self.channel.unary_unary("/plugin.GRPCController/Shutdown")(b"", timeout=5)
        return self.process.wait(5)

    def vanish(self) -> int:
        """End as a killed host does: the streams break. Answers the plugin's exit status."""
        self.channel.close()
        self.server.stop(0)
        return self.process.wait(5)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.stderr.close()
        if hasattr(self, "channel"):
            self._infos.put(None)
            self.channel.close()
            self.server.stop(0)


def wait_for(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
