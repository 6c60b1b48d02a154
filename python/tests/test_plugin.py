"""The plugin as a process, against a host in Python."""

import json
import re
import signal
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from host import Host, wait_for

from genbench import plugin_pb2 as pb

PROGRAM = Path(__file__).with_name("program.py")
MARGINS = np.array([1.0, 2.0, 4.0])
QUANTITIES = {
    "train-margins": [("margins", MARGINS)],
    "weights": [("fc1.weight", np.arange(6, dtype="f4").reshape(2, 3)), ("fc1.bias", np.array([-9, 1], "f4"))],
    "train-labels": [("y", np.empty((0,), "i4"))],
}


@pytest.fixture
def host(tmp_path):
    h = Host(tmp_path, PROGRAM, QUANTITIES)
    yield h
    h.close()


def test_handshake_comes_first_whatever_the_program_prints(host):
    core, protocol, network, address, kind, rest = host.line.split("|")
    assert (core, protocol, network, kind, rest) == ("1", "1", "unix", "grpc", "")
    assert len(address) <= 107
    host.describe()
    assert "printed before numpy" in host.said() and "written to descriptor 1" in host.said()


def test_multiplexing_is_refused_in_the_handshake(tmp_path):
    host = Host(tmp_path, PROGRAM, {}, PLUGIN_MULTIPLEX_GRPC="true")
    assert host.line.endswith("|grpc||false")
    host.close()


def test_description(host):
    d = host.describe()
    assert (d.sdk, d.minor, d.max_concurrency) == ("python 1", 1, 1)
    m = next(m for m in d.measures if m.name == "margin-sum")
    assert (m.version, m.doc, list(m.needs)) == ("1", "The sum of the margins. More text", ["train-margins"])
    assert (m.direction, m.scale, m.stochastic) == (pb.DIRECTION_LARGER_GAP, pb.SCALE_LOG, False)
    assert [(o.name, o.default, list(o.values)) for o in m.options] == [("mode", "a", ["a", "b"])]
    assert len(d.measures) == 20 and d.version == "7.1"


def test_value_with_all_that_goes_beside_it(host):
    r = host.compute("margin-sum", options={"mode": "b"})
    assert r.value == 7.0  # 1 + 2 + 4
    assert dict(r.diagnostics) == {"count": 3.0}
    assert list(r.warnings) == ["diagnostic nothing is nan", "mode b"]
    assert r.seconds > 0 and r.host_seconds > 0
    assert host.asked == ["train-margins"]
    assert r.compute == 1  # which request it answers


def test_arrays_are_mapped_and_read_only(host):
    assert host.compute("owns").value == 0.0
    r = host.compute("writes", network="other")
    assert "read-only" in r.failure.message
    assert np.array_equal(np.fromfile(host.folder / "train-margins.margins", offset=64), MARGINS)
    assert host.compute("largest").value == 9.0
    assert host.compute("labels").value == 0.0  # an array of no values


def test_what_another_measure_read_is_reused_and_told(host):
    assert host.compute("margin-sum").value == 7.0
    r = host.compute("again")
    assert r.value == 4.0 and [q.name for q in r.reused] == ["train-margins"]
    assert host.asked == ["train-margins"]
    assert not host.compute("again", network="another").reused
    assert host.asked == ["train-margins"] * 2


def test_what_is_given_is_not_asked_for(host):
    given = [pb.Given(name="train-margins", arrays=host.arrays("train-margins")), pb.Given(name="weights", arrays=host.arrays("weights"))]
    r = host.compute("margin-sum", given=given)
    assert r.value == 7.0 and [(q.name, dict(q.args)) for q in r.reused] == [("train-margins", {})]
    assert host.asked == []
    other = [pb.Given(name="train-margins", args={"of": "another"}, arrays=host.arrays("train-margins"))]
    assert host.compute("margin-sum", network="other", given=other).value == 7.0
    assert host.asked == ["train-margins"]


def test_files_that_cannot_be_opened_are_streamed(tmp_path):
    big = np.arange(700_000, dtype="f4")
    host = Host(tmp_path, PROGRAM, {"weights": [("w", big), ("v", -big)]}, files=False)
    assert host.compute("largest").value == 699_999.0
    assert host.streamed == ["w", "v"]
    host.close()


def test_a_file_that_is_too_short(host):
    (host.folder / "train-margins.margins").write_bytes(b"\0" * 80)
    assert "has 80 bytes, 24 at 64 were announced" in host.compute("margin-sum").failure.message


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("infinite", pb.Undefined.KIND_NEGATIVE_INFINITY, "the value is -Inf"),
        ("undefined", pb.Undefined.KIND_NOT_APPLICABLE, "the weights are zero"),
        ("wants-search", pb.Undefined.KIND_NOT_APPLICABLE, "no noise costs 0.1"),
    ],
)
def test_undefined(host, name, kind, why):
    r = host.compute(name)
    assert (r.WhichOneof("outcome"), r.undefined.kind, r.undefined.why) == ("undefined", kind, why)


def test_missing(host):
    assert host.compute("wants-init").missing == pb.Missing(quantity="init-weights", why="not kept")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("divides", pb.Failure.CODE_INTERNAL, "ZeroDivisionError: division by zero, at program.py:LINE in inner: return 1 / x"),
        ("returns-array", pb.Failure.CODE_INTERNAL, "the measure returned an array of shape (3,); it has to return one number"),
        ("returns-nothing", pb.Failure.CODE_INTERNAL, "the measure returned None; it has to return one number"),
        ("parses", pb.Failure.CODE_INTERNAL, 'in parses: return json.loads("{"); raised at decoder.py:'),
        ("exits", pb.Failure.CODE_INTERNAL, "SystemExit: 3, at program.py"),
        ("undeclared", pb.Failure.CODE_HOST, "train-logits is not declared, at program.py"),
        ("nonsense", pb.Failure.CODE_UNKNOWN_MEASURE, "no measure 'nonsense'"),
    ],
)
def test_failures_say_where(host, name, code, message):
    line = PROGRAM.read_text().splitlines().index("    return 1 / x") + 1
    f = host.compute(name).failure
    assert f.code == code and message.replace("LINE", str(line)) in f.message
    assert "genbench's package" not in f.message and not f.message.endswith(", ")
    assert host.compute("margin-sum").value == 7.0  # the process lives on


def test_traceback_begins_in_the_measure(host):
    detail = host.compute("divides").failure.detail
    assert detail.startswith("Traceback") and detail.endswith("ZeroDivisionError: division by zero\n")
    assert "_serve.py" not in detail and "in divides" in detail and "in inner" in detail
    wait_for(lambda: "division by zero" in host.said())


def test_option_that_is_not_known(host):
    f = host.compute("margin-sum", options={"mode": "c"}).failure
    assert f.code == pb.Failure.CODE_INVALID_OPTION and "no value 'c'" in f.message
    f = host.compute("margin-sum", options={"mod": "a"}).failure
    assert f.code == pb.Failure.CODE_INVALID_OPTION and "no option 'mod'" in f.message


@pytest.mark.parametrize("name", ["sleeps", "spins"])
def test_deadline_stops_the_measure_cleanly(host, name):
    start = time.monotonic()
    f = host.compute(name, timeout_seconds=0.3).failure
    assert f.code == pb.Failure.CODE_CANCELLED and f"in {name}" in f.message
    assert time.monotonic() - start < 2
    assert host.compute("margin-sum").value == 7.0
    if name == "sleeps":
        wait_for(lambda: "cleaned up" in host.said())


def test_cancelled_call_stops_the_measure(host):
    call = host.start("sleeps")
    time.sleep(0.3)
    call.cancel()
    with pytest.raises(grpc.RpcError):
        next(call)
    wait_for(lambda: "cleaned up" in host.said())
    assert host.compute("margin-sum").value == 7.0


def test_evaluate(host):
    assert host.compute("evaluates", seed=5).value == 10 * 2 + 5 + 10 * 3 + 1


def test_network_info(host):
    conv = pb.Layer(name="c", kind="conv2d", out=9, channels=1, kernel=2, stride=1, padding=1, **{"in": 4})
    add = pb.Layer(name="a", kind="add", epsilon=0.5, **{"from": "c", "with": "d"})
    r = host.compute("layers", info=pb.NetworkInfo(layers=[conv, add], classes=10, train_size=100, input_shape=[1, 2, 2]))
    assert r.value == 115.0, r


def test_ends_when_asked_to(host):
    assert host.shutdown() == 0
    assert not list(host.folder.glob("p*/s"))


def test_ends_with_its_host_in_mid_compute(host):
    host.start("sleeps")
    time.sleep(0.3)
    start = time.monotonic()
    assert host.vanish() == 3
    assert time.monotonic() - start < 1.5


def test_another_protocol_is_refused(tmp_path):
    host = Host(tmp_path, PROGRAM, {}, PLUGIN_PROTOCOL_VERSIONS="98,99")
    assert host.line == "" and host.process.wait(5) == 1
    assert "speaks versions 98,99 of the protocol, this plugin's package speaks 1" in host.said()
    host.close()


def test_by_hand_it_says_what_it_is(tmp_path):
    host = Host(tmp_path, PROGRAM, {}, GENBENCH_PLUGIN="")
    host.process.wait(5)
    assert "program.py is a measure plugin: genbench runs it, not you" in host.said()
    assert "genbench run --plugin margin-sum=" in host.said()
    host.close()


def test_started_by_hand_it_waits_for_genbench(tmp_path):
    host = Host(tmp_path, PROGRAM, QUANTITIES, GENBENCH_PLUGIN="", GENBENCH_DEBUG=f"unix:{tmp_path}/d")
    assert host.line == "written to descriptor 1"  # standard output stays the user's
    wait_for(lambda: "GENBENCH_REATTACH=" in host.said())
    found = json.loads(re.search(r"GENBENCH_REATTACH='(.*)' genbench", host.said())[1])
    assert found == {"margin-sum": {"addr": f"unix:{tmp_path}/d", "pid": host.process.pid, "protocol": 1}}
    host.attach(f"unix:{tmp_path}/d")
    assert len(host.describe(broker_id=0).measures) == 20
    assert host.compute("margin-sum", broker_id=0, host_target=f"unix:{tmp_path}/h").value == 7.0
    host.process.send_signal(signal.SIGINT)
    assert host.process.wait(5) == 0
    host.close()
