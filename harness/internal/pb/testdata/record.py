#!/usr/bin/env python3
"""Records what one version of genbench and one of its plugins say to each other, byte by byte: transcript-N.jsonl.

With a genbench and a plugin of that version, the example margin-variance, and Python with the package of this tree:

    PYTHONPATH=$TREE/python genbench run tiny --store /nowhere/tiny --sandbox off --jobs 1 --plugin recorder=record.py --measures recorder
    PYTHONPATH=$TREE/python python3 record.py ./genbench-measure-margin-variance
    cat record.py.host.jsonl record.py.plugin.jsonl > transcript-1.jsonl

The first command records the host's messages: the script is the plugin, and answers by hand. The second records the
plugin's: the script is the host. A line is {"from", "call", "bytes"}, in base64. Of each call the first is kept.
"""

import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent import futures
from pathlib import Path

import genbench._stdio as stdio

if stdio.is_plugin():
    stdio.take()

import grpc
from genbench import _goplugin

MEASURE, HOST = "genbench.plugin.v1.Measure", "genbench.plugin.v1.ModelHost"


def same(data):
    return data


class Log:
    def __init__(self, side):
        self.path, self.side, self.seen = Path(f"{Path(__file__).resolve()}.{side}.jsonl"), side, set()
        if side == "host":  # one process of several, each of a few calls
            self.seen = {json.loads(line)["call"] for line in self.path.read_text().splitlines()} if self.path.exists() else set()

    def add(self, call, data):
        if call not in self.seen:
            self.seen.add(call)
            with self.path.open("a") as file:
                file.write(json.dumps({"from": self.side, "call": call, "bytes": base64.b64encode(data).decode()}) + "\n")
        return data


def text(field, value):
    value = value.encode()
    return bytes([field << 3 | 2, len(value)]) + value


def plugin():
    """Be a plugin of the measure recorder, which needs train-margins and perturbed-losses."""
    log = Log("host")
    process = _goplugin.Process(tempfile.mkdtemp())
    broker = _goplugin.Broker(process)
    info = text(1, "recorder") + text(2, "1") + text(6, "train-margins") + text(6, "perturbed-losses")
    described = text(1, "by hand") + bytes([3 << 3 | 2, len(info)]) + info

    def describe(request, context):
        log.add("Describe", request)
        broker.dial(_goplugin.fields(request)[2])
        return described

    def compute(request, context):
        log.add("Compute", request)
        compute_id, ident = request[1:9], broker_of(request)
        channel = broker.dial(ident)
        quantity = b"\x09" + compute_id + text(2, "train-margins")
        log.add("GetQuantity", channel.unary_unary(f"/{HOST}/GetQuantity")(quantity))
        for chunk in channel.unary_stream(f"/{HOST}/StreamQuantity")(quantity + text(4, "margins")):
            log.add("StreamQuantity", chunk)
        perturbation = text(1, "gaussian") + b"\x11" + bytes(8) + b"\x19" + bytes(8)
        asked = b"\x09" + compute_id + bytes([2 << 3 | 2, len(perturbation)]) + perturbation
        log.add("Evaluate", channel.unary_unary(f"/{HOST}/Evaluate")(asked))
        result = b"\x09" + bytes(8)  # value 0
        yield bytes([2 << 3 | 2, len(result)]) + result

    handler = grpc.method_handlers_generic_handler(
        MEASURE, {"Describe": grpc.unary_unary_rpc_method_handler(describe, same, same), "Compute": grpc.unary_stream_rpc_method_handler(compute, same, same)}
    )
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((handler, *_goplugin.services(process, broker)))
    server.add_insecure_port(f"unix:{process.folder}/s")
    server.start()
    stdio.handshake(f"1|1|unix|{process.folder}/s|grpc|")
    threading.Event().wait()


def broker_of(data):
    """The broker stream that a ComputeRequest names."""
    from genbench import plugin_pb2 as pb

    return pb.ComputeRequest.FromString(data).broker_id


def host(program):
    """Ask a plugin as genbench does, about margins 1, 2 and 4."""
    from genbench import plugin_pb2 as pb

    log = Log("plugin")
    log.path.unlink(missing_ok=True)
    folder = tempfile.mkdtemp()
    margins = Path(folder) / "margins"
    margins.write_bytes(bytes(64) + struct.pack("<3d", 1, 2, 4))

    def get(request, context):
        log.add("GetQuantity", request)
        array = pb.Array(name="margins", dtype="f64", shape=[3], path=str(margins), offset=64)
        return pb.QuantityResponse(arrays=pb.Arrays(arrays=[array])).SerializeToString()

    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(HOST, {"GetQuantity": grpc.unary_unary_rpc_method_handler(get, same, same)}),))
    server.add_insecure_port(f"unix:{folder}/h")
    server.start()
    env = {"GENBENCH_PLUGIN": "measure", "PLUGIN_PROTOCOL_VERSIONS": "1", "PLUGIN_UNIX_SOCKET_DIR": folder, "GENBENCH_HOST_PID": str(os.getpid())}
    process = subprocess.Popen([program], stdout=subprocess.PIPE, env=env)
    line = process.stdout.readline().decode().strip()
    log.add("handshake", "|".join([*line.split("|")[:3], "PATH", *line.split("|")[4:]]).encode())
    channel = grpc.insecure_channel("unix:" + line.split("|")[3], _goplugin.CLIENT_OPTIONS)
    wait = threading.Event()

    def infos():
        yield bytes([8, 1]) + text(2, "unix") + text(3, f"{folder}/h")
        wait.wait()

    stream = channel.stream_stream("/plugin.GRPCBroker/StartStream")(infos())
    log.add("Describe", channel.unary_unary(f"/{MEASURE}/Describe")(pb.DescribeRequest(broker_id=1).SerializeToString()))
    request = pb.ComputeRequest(compute=1, measure="margin-variance", network="n", broker_id=1).SerializeToString()
    for event in channel.unary_stream(f"/{MEASURE}/Compute")(request):
        log.add("Compute", event)
    process.kill()
    del stream


if __name__ == "__main__":
    plugin() if stdio.is_plugin() else host(sys.argv[1])
