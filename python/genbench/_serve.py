"""A measure's program as a plugin: `serve`."""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import traceback
from concurrent import futures
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from . import _goplugin, _stdio
from . import plugin_pb2 as pb
from ._errors import HostError, Missing, Stopped, Undefined
from ._info import DIRECTIONS, SCALES, Measure

if TYPE_CHECKING:
    from ._host import Host
    from ._network import Meta

PROTOCOL = 1  # the handshake's number for genbench.plugin.v1
MINOR = 1  # of genbench.plugin.v1: reads ComputeRequest.given
SDK = "python 1"


def serve(*measures: Measure) -> None:
    """Make the program a plugin that offers these measures. It is the program's last statement and does not return.

    Import genbench before anything that prints: it takes standard output away, for that carries the handshake, and what
    is printed later goes to standard error, which genbench shows when something fails. Measures run in the main thread,
    one at a time. The process ends when genbench does, however that ends.

    With GENBENCH_DEBUG=1 in its environment the program waits for genbench instead, and says how genbench finds it: so it
    can be started under a debugger. `__version__` of the program, where it has one, is recorded with every result.
    """
    _check(measures)
    if os.environ.get("GENBENCH_DEBUG"):
        _attached(measures, os.environ["GENBENCH_DEBUG"])
    if not _stdio.is_plugin():
        sys.exit(_by_hand(sys.argv[0], measures))
    versions = os.environ.get("PLUGIN_PROTOCOL_VERSIONS", str(PROTOCOL)).split(",")
    if str(PROTOCOL) not in versions:
        sys.exit(f"genbench speaks versions {','.join(versions)} of the protocol, this plugin's package speaks {PROTOCOL}: upgrade the older of the two")
    _stdio.take()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is for the host, which then ends this process in its own way
    process = _goplugin.Process(tempfile.mkdtemp(prefix="p", dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or None))
    process.watch_host()
    broker = _goplugin.Broker(process)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    # The broker's and stdio's streams hold a thread each for life.
    server = grpc.server(futures.ThreadPoolExecutor(8), options=_goplugin.CHANNEL_OPTIONS)
    server.add_generic_rpc_handlers((_handlers(measures, broker, jobs), *_goplugin.services(process, broker)))
    address = os.path.join(process.folder, "s")  # at most 107 bytes
    server.add_insecure_port("unix:" + address)
    server.start()
    line = f"1|{PROTOCOL}|unix|{address}|grpc|"
    _stdio.handshake(line + "|false" if os.environ.get("PLUGIN_MULTIPLEX_GRPC") else line)
    work(jobs)


def _attached(measures: tuple[Measure, ...], where: str) -> NoReturn:
    """Serve any genbench that comes, in a process that was started by hand, under a debugger.

    where: a socket as unix:PATH, or anything else for one of its own.
    """
    process = _goplugin.Process(tempfile.mkdtemp(prefix="gbdebug-"))
    broker = _goplugin.Broker(process)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    server = grpc.server(futures.ThreadPoolExecutor(4), options=_goplugin.CHANNEL_OPTIONS)
    server.add_generic_rpc_handlers((_handlers(measures, broker, jobs),))
    target = where if where.startswith("unix:") else "unix:" + os.path.join(process.folder, "plugin")
    server.add_insecure_port(target)
    server.start()
    found = json.dumps({measures[0].info.name: {"addr": target, "pid": os.getpid(), "protocol": PROTOCOL}}, separators=(",", ":"))
    program = os.path.basename(sys.argv[0])
    print(f"{program} waits for genbench. In another shell:\n\n    GENBENCH_REATTACH='{found}' genbench run tiny\n\n^C ends it.", file=sys.stderr, flush=True)
    try:
        work(jobs)
    except KeyboardInterrupt:
        process.leave(0)


def _check(measures: tuple[Measure, ...]) -> None:
    if not measures:
        sys.exit("genbench.serve: no measures to serve")
    seen = set()
    for m in measures:
        if not isinstance(m, Measure):
            sys.exit(f"genbench.serve: {m!r} is no measure: decorate the function with @genbench.measure(...)")
        if m.info.name in seen:
            sys.exit(f"genbench.serve: two measures are named {m.info.name}")
        seen.add(m.info.name)


def _by_hand(program: str, measures: tuple[Measure, ...]) -> str:
    """What somebody reads who runs a plugin from a shell."""
    name = measures[0].info.name
    path = program if os.sep in program else os.path.join(".", program)
    listed = "".join(f"    {m.info.name} (version {m.info.version})  {m.info.doc}\n" for m in measures)
    return (
        f"{os.path.basename(program)} is a measure plugin: genbench runs it, not you.\n\nTry\n\n"
        f"    genbench measures check {path}\n    genbench run --plugin {name}={path}\n\nIt measures\n\n{listed}"
    )


class Job:
    """One Compute, from the thread that serves it to the main thread."""

    def __init__(self, measure: Measure, request: pb.ComputeRequest, host: Host | None, kept: Any) -> None:
        self.measure, self.request, self.host, self.kept = measure, request, host, kept
        self.due = time.monotonic() + request.timeout_seconds if request.timeout_seconds > 0 else math.inf
        self.cancelled = False
        self.result: pb.Result | None = None
        self.done = threading.Event()

    def cancel(self) -> None:
        """genbench no longer wants the answer."""
        self.cancelled = True

    def over(self) -> bool:
        """Whether the measure has to stop."""
        return self.cancelled or time.monotonic() >= self.due

    def wait(self) -> None:
        """Wait for the answer, and stop the measure when its time is over.

        A signal is sent again until it is heard: one that comes just before the main thread begins to sleep is not.
        """
        main = threading.main_thread().ident or 0
        while not self.done.wait(max(0.0, min(0.1, self.due - time.monotonic())) or 0.1):
            if self.over():
                signal.pthread_kill(main, signal.SIGALRM)


class _Shared:
    """What the measures of the program have read of one network, by its name."""

    def __init__(self) -> None:
        self.network = ""
        self.kept: dict[Any, Any] = {}

    def of(self, network: str) -> dict[Any, Any]:
        if network != self.network or not network:
            self.network, self.kept = network, {}
        return self.kept


def _handlers(measures: tuple[Measure, ...], broker: _goplugin.Broker, jobs: queue.SimpleQueue[Job]) -> Any:
    by_name = {m.info.name: m for m in measures}
    shared = _Shared()

    def describe_all(request: pb.DescribeRequest, context: grpc.ServicerContext) -> pb.DescribeResponse:
        if request.broker_id:
            broker.dial(request.broker_id)  # go-plugin forgets a stream that is not dialled within 5 s
        version = str(getattr(sys.modules["__main__"], "__version__", ""))
        return pb.DescribeResponse(sdk=SDK, minor=MINOR, measures=[describe(m) for m in measures], max_concurrency=1, version=version)

    def compute(request: pb.ComputeRequest, context: grpc.ServicerContext) -> Any:
        from ._host import Host  # a start is faster without what only a Compute needs

        m = by_name.get(request.measure)
        if m is None:
            yield _event(failure(pb.Failure.CODE_UNKNOWN_MEASURE, f"this plugin has no measure {request.measure!r}"))
            return
        job = Job(m, request, None, shared.of(request.network))
        try:
            job.host = Host(broker.dial(request.broker_id, request.host_target), request.compute, job.due, request.given)
        except TimeoutError as error:
            yield _event(failure(pb.Failure.CODE_HOST, f"connecting to genbench: {error}"))
            return
        context.add_callback(job.cancel)
        jobs.put(job)
        job.wait()
        yield _event(job.result)

    return grpc.method_handlers_generic_handler(
        "genbench.plugin.v1.Measure",
        {
            "Describe": grpc.unary_unary_rpc_method_handler(describe_all, pb.DescribeRequest.FromString, pb.DescribeResponse.SerializeToString),
            "Compute": grpc.unary_stream_rpc_method_handler(compute, pb.ComputeRequest.FromString, pb.ComputeEvent.SerializeToString),
        },
    )


def _event(result: pb.Result | None) -> pb.ComputeEvent:
    return pb.ComputeEvent(result=result)


def describe(m: Measure) -> pb.MeasureInfo:
    """The measure's description as a message."""
    i = m.info
    return pb.MeasureInfo(
        name=i.name, version=i.version, doc=i.doc, family=i.family, citation=i.citation, needs=i.needs, direction=DIRECTIONS[i.larger],
        scale=SCALES[i.scale], stochastic=i.stochastic, aliases=i.aliases, formula=i.formula, deviations=i.deviations,
        options=[pb.Option(name=o.name, default=o.default, doc=o.doc, values=o.values) for o in i.options],
    )  # fmt: skip


class _Alarm:
    """Stops the measure in hand: a signal's handler runs in the main thread, and interrupts sleeps and locks too."""

    def __init__(self) -> None:
        self.job: Job | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        job = self.job
        if job is not None and job.over():
            self.job = None  # once
            raise Stopped("the time is over")


def work(jobs: queue.SimpleQueue[Job]) -> NoReturn:
    """Answer Computes in this thread, for ever."""
    alarm = _Alarm()
    signal.signal(signal.SIGALRM, alarm.handle)
    while True:
        try:
            job = jobs.get(timeout=1)  # ^C that comes just before is heard after
        except queue.Empty:
            continue
        try:
            job.result = answer(job, alarm)
        except BaseException as error:  # not the measure's: those are answered
            job.result = failure(pb.Failure.CODE_INTERNAL, f"genbench's package: {error!r}", traceback.format_exc())
        job.result.compute = job.request.compute
        job.done.set()


def answer(job: Job, alarm: _Alarm) -> pb.Result:
    """Run the measure and turn every way in which it can end into a Result."""
    from ._network import Network

    info, request = job.measure.info, job.request
    try:
        options = info.resolve(request.options)
    except ValueError as error:
        return failure(pb.Failure.CODE_INVALID_OPTION, str(error))
    assert job.host is not None
    net = Network(meta_of(request, options), job.host, info, job.kept)
    start = time.perf_counter()
    try:
        alarm.job = job
        try:
            result = outcome(job.measure.function(net))
        finally:
            alarm.job = None
    except BaseException as error:
        alarm.job = None
        result = ending(error)
    total = time.perf_counter() - start
    result.host_seconds = net.host_seconds
    result.seconds = max(0.0, total - net.host_seconds)
    result.warnings.extend(net.warnings)
    result.diagnostics.update(net.diagnostics)
    result.reused.extend(pb.QuantityRequest(compute=request.compute, name=name, args=args) for name, args in net.reused + job.host.read)
    return result


def meta_of(request: pb.ComputeRequest, options: dict[str, str]) -> Meta:
    """What the request says of the network."""
    from ._network import Meta
    from ._types import Layer

    layers = tuple(
        Layer(
            k.name,
            k.kind,
            getattr(k, "in"),
            k.out,
            getattr(k, "from"),
            getattr(k, "with"),
            k.channels,
            k.kernel,
            k.stride,
            k.padding,
            k.epsilon,
            tuple(k.in_shape),
            tuple(k.out_shape),
        )
        for k in request.info.layers
    )
    return Meta(request.network, layers, request.info.classes, request.info.train_size, tuple(request.info.input_shape), request.seed, options)


def outcome(value: Any) -> pb.Result:
    """A measure's answer: a number, or undefined."""
    shape = getattr(value, "shape", ())
    if value is None or isinstance(value, (str, bytes)) or len(shape) > 0:
        what = f"an array of shape {tuple(shape)}" if len(shape) > 0 else repr(value)
        raise TypeError(f"the measure returned {what}; it has to return one number")
    number = float(value)
    if math.isnan(number):
        return undefined(pb.Undefined.KIND_NAN, "the value is NaN")
    if math.isinf(number):
        kind = pb.Undefined.KIND_POSITIVE_INFINITY if number > 0 else pb.Undefined.KIND_NEGATIVE_INFINITY
        return undefined(kind, f"the value is {'+' if number > 0 else '-'}Inf")
    return pb.Result(value=number)


def ending(error: BaseException) -> pb.Result:
    """The result of a measure that raised."""
    if isinstance(error, Undefined):
        return undefined(pb.Undefined.KIND_NOT_APPLICABLE, str(error) or "the measure gave no reason")
    if isinstance(error, Missing):
        return pb.Result(missing=pb.Missing(quantity=error.need, why=error.reason))
    where, trace = _place(error)
    if isinstance(error, Stopped):
        return failure(pb.Failure.CODE_CANCELLED, f"{error}{where}", trace)
    print(trace, end="", file=sys.stderr, flush=True)
    if isinstance(error, HostError):
        return failure(pb.Failure.CODE_HOST, f"{error}{where}", trace)
    name = type(error).__name__
    text = " ".join(str(error).split())
    if len(text) > 250:  # the place behind it has to fit in
        text = text[:250] + "..."
    return failure(pb.Failure.CODE_INTERNAL, f"{name}: {text}{where}" if text else f"{name}{where}", trace)


def _place(error: BaseException) -> tuple[str, str]:
    """Where an error came from, to stand behind it in a line, and its traceback from the measure on.

    The line names the last frame in the program's own folder, which its author can mend, then the innermost.
    """
    package = os.path.dirname(os.path.realpath(__file__))
    program = getattr(sys.modules["__main__"], "__file__", None)
    folder = os.path.dirname(os.path.realpath(program)) if program else ""

    def ours(f: traceback.FrameSummary) -> bool:
        return os.path.dirname(os.path.realpath(f.filename)) == package

    def installed(f: traceback.FrameSummary) -> bool:
        return "site-packages" in f.filename or "dist-packages" in f.filename

    def own(f: traceback.FrameSummary) -> bool:
        file = os.path.realpath(f.filename)
        return not f.filename.startswith("<") and bool(folder) and file.startswith(os.path.join(folder, "")) and not installed(f)

    frames = traceback.extract_tb(error.__traceback__)
    while frames and ours(frames[0]):
        del frames[0]
    trace = "Traceback (most recent call last):\n" + "".join(frames.format()) + "".join(traceback.format_exception_only(type(error), error))
    foreign = [f for f in frames if not ours(f)]
    if not foreign:
        return "", trace  # of what the measure returned
    last = next((f for f in reversed(foreign) if own(f)), None) or next((f for f in reversed(foreign) if not installed(f)), foreign[-1])
    where = f", at {_frame(last)}"
    return where if last is foreign[-1] else f"{where}; raised at {_frame(foreign[-1])}", trace


def _frame(f: traceback.FrameSummary) -> str:
    line = f.line or ""
    text = f"{os.path.basename(f.filename)}:{f.lineno} in {f.name}"
    return f"{text}: {line[:100]}" if line else text


def undefined(kind: Any, why: str) -> pb.Result:
    """The result of a value that does not exist."""
    return pb.Result(undefined=pb.Undefined(kind=kind, why=why))


def failure(code: Any, message: str, detail: str = "") -> pb.Result:
    """The result of a measure that failed."""
    return pb.Result(failure=pb.Failure(code=code, message=message, detail=detail))
