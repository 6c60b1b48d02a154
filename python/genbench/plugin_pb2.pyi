from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
DIRECTION_LARGER_GAP: Direction
DIRECTION_SMALLER_GAP: Direction
DIRECTION_UNKNOWN: Direction
SCALE_LOG: Scale
SCALE_RAW: Scale

class Array(_message.Message):
    __slots__ = ["dtype", "name", "offset", "path", "shape"]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    dtype: str
    name: str
    offset: int
    path: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., path: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class Arrays(_message.Message):
    __slots__ = ["arrays", "cost_seconds"]
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    COST_SECONDS_FIELD_NUMBER: _ClassVar[int]
    arrays: _containers.RepeatedCompositeFieldContainer[Array]
    cost_seconds: float
    def __init__(self, arrays: _Optional[_Iterable[_Union[Array, _Mapping]]] = ..., cost_seconds: _Optional[float] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ["data"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ComputeEvent(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    result: Result
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class ComputeRequest(_message.Message):
    __slots__ = ["broker_id", "compute", "given", "host_target", "info", "measure", "network", "options", "seed", "threads", "timeout_seconds"]
    class OptionsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    BROKER_ID_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    HOST_TARGET_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    broker_id: int
    compute: int
    given: _containers.RepeatedCompositeFieldContainer[Given]
    host_target: str
    info: NetworkInfo
    measure: str
    network: str
    options: _containers.ScalarMap[str, str]
    seed: int
    threads: int
    timeout_seconds: float
    def __init__(self, compute: _Optional[int] = ..., measure: _Optional[str] = ..., network: _Optional[str] = ..., seed: _Optional[int] = ..., options: _Optional[_Mapping[str, str]] = ..., broker_id: _Optional[int] = ..., host_target: _Optional[str] = ..., info: _Optional[_Union[NetworkInfo, _Mapping]] = ..., threads: _Optional[int] = ..., timeout_seconds: _Optional[float] = ..., given: _Optional[_Iterable[_Union[Given, _Mapping]]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ["broker_id", "minor"]
    BROKER_ID_FIELD_NUMBER: _ClassVar[int]
    MINOR_FIELD_NUMBER: _ClassVar[int]
    broker_id: int
    minor: int
    def __init__(self, minor: _Optional[int] = ..., broker_id: _Optional[int] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ["max_concurrency", "measures", "minor", "sdk", "version"]
    MAX_CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    MINOR_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    max_concurrency: int
    measures: _containers.RepeatedCompositeFieldContainer[MeasureInfo]
    minor: int
    sdk: str
    version: str
    def __init__(self, sdk: _Optional[str] = ..., minor: _Optional[int] = ..., measures: _Optional[_Iterable[_Union[MeasureInfo, _Mapping]]] = ..., max_concurrency: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ["compute", "perturbations"]
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    PERTURBATIONS_FIELD_NUMBER: _ClassVar[int]
    compute: int
    perturbations: _containers.RepeatedCompositeFieldContainer[Perturbation]
    def __init__(self, compute: _Optional[int] = ..., perturbations: _Optional[_Iterable[_Union[Perturbation, _Mapping]]] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ["evaluated"]
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    evaluated: _containers.RepeatedCompositeFieldContainer[Evaluated]
    def __init__(self, evaluated: _Optional[_Iterable[_Union[Evaluated, _Mapping]]] = ...) -> None: ...

class Evaluated(_message.Message):
    __slots__ = ["accuracy", "loss"]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    accuracy: float
    loss: float
    def __init__(self, loss: _Optional[float] = ..., accuracy: _Optional[float] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ["code", "detail", "message"]
    class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CODE_CANCELLED: Failure.Code
    CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_HOST: Failure.Code
    CODE_INTERNAL: Failure.Code
    CODE_INVALID_OPTION: Failure.Code
    CODE_PANIC: Failure.Code
    CODE_UNKNOWN_MEASURE: Failure.Code
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: Failure.Code
    detail: str
    message: str
    def __init__(self, code: _Optional[_Union[Failure.Code, str]] = ..., message: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Given(_message.Message):
    __slots__ = ["args", "arrays", "name"]
    class ArgsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ARGS_FIELD_NUMBER: _ClassVar[int]
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    args: _containers.ScalarMap[str, str]
    arrays: Arrays
    name: str
    def __init__(self, name: _Optional[str] = ..., args: _Optional[_Mapping[str, str]] = ..., arrays: _Optional[_Union[Arrays, _Mapping]] = ...) -> None: ...

class Layer(_message.Message):
    __slots__ = ["channels", "epsilon", "in_shape", "kernel", "kind", "name", "out", "out_shape", "padding", "stride"]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    IN_FIELD_NUMBER: _ClassVar[int]
    IN_SHAPE_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUT_FIELD_NUMBER: _ClassVar[int]
    OUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    WITH_FIELD_NUMBER: _ClassVar[int]
    channels: int
    epsilon: float
    in_shape: _containers.RepeatedScalarFieldContainer[int]
    kernel: int
    kind: str
    name: str
    out: int
    out_shape: _containers.RepeatedScalarFieldContainer[int]
    padding: int
    stride: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., out: _Optional[int] = ..., channels: _Optional[int] = ..., kernel: _Optional[int] = ..., stride: _Optional[int] = ..., padding: _Optional[int] = ..., epsilon: _Optional[float] = ..., in_shape: _Optional[_Iterable[int]] = ..., out_shape: _Optional[_Iterable[int]] = ..., **kwargs) -> None: ...

class LogRequest(_message.Message):
    __slots__ = ["compute", "message"]
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    compute: int
    message: str
    def __init__(self, compute: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class LogResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class MeasureInfo(_message.Message):
    __slots__ = ["aliases", "citation", "deviations", "direction", "doc", "family", "formula", "name", "needs", "options", "scale", "stochastic", "version"]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    DEVIATIONS_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    STOCHASTIC_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    aliases: _containers.RepeatedScalarFieldContainer[str]
    citation: str
    deviations: str
    direction: Direction
    doc: str
    family: str
    formula: str
    name: str
    needs: _containers.RepeatedScalarFieldContainer[str]
    options: _containers.RepeatedCompositeFieldContainer[Option]
    scale: Scale
    stochastic: bool
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., doc: _Optional[str] = ..., family: _Optional[str] = ..., citation: _Optional[str] = ..., needs: _Optional[_Iterable[str]] = ..., direction: _Optional[_Union[Direction, str]] = ..., scale: _Optional[_Union[Scale, str]] = ..., stochastic: bool = ..., options: _Optional[_Iterable[_Union[Option, _Mapping]]] = ..., aliases: _Optional[_Iterable[str]] = ..., formula: _Optional[str] = ..., deviations: _Optional[str] = ...) -> None: ...

class Missing(_message.Message):
    __slots__ = ["quantity", "why"]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    quantity: str
    why: str
    def __init__(self, quantity: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class NetworkInfo(_message.Message):
    __slots__ = ["classes", "input_shape", "layers", "train_size"]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    INPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    classes: int
    input_shape: _containers.RepeatedScalarFieldContainer[int]
    layers: _containers.RepeatedCompositeFieldContainer[Layer]
    train_size: int
    def __init__(self, layers: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., classes: _Optional[int] = ..., train_size: _Optional[int] = ..., input_shape: _Optional[_Iterable[int]] = ...) -> None: ...

class Option(_message.Message):
    __slots__ = ["default", "doc", "name", "values"]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    default: str
    doc: str
    name: str
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., default: _Optional[str] = ..., doc: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...

class Perturbation(_message.Message):
    __slots__ = ["kind", "scale", "seed"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    kind: str
    scale: float
    seed: int
    def __init__(self, kind: _Optional[str] = ..., scale: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ["fraction", "note"]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    note: str
    def __init__(self, fraction: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...

class QuantityRequest(_message.Message):
    __slots__ = ["args", "compute", "name"]
    class ArgsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ARGS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    args: _containers.ScalarMap[str, str]
    compute: int
    name: str
    def __init__(self, compute: _Optional[int] = ..., name: _Optional[str] = ..., args: _Optional[_Mapping[str, str]] = ...) -> None: ...

class QuantityResponse(_message.Message):
    __slots__ = ["arrays", "missing", "undefined"]
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    UNDEFINED_FIELD_NUMBER: _ClassVar[int]
    arrays: Arrays
    missing: Missing
    undefined: Undefined
    def __init__(self, arrays: _Optional[_Union[Arrays, _Mapping]] = ..., undefined: _Optional[_Union[Undefined, _Mapping]] = ..., missing: _Optional[_Union[Missing, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ["compute", "diagnostics", "failure", "host_seconds", "missing", "reused", "seconds", "undefined", "value", "warnings"]
    class DiagnosticsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    HOST_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    UNDEFINED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    compute: int
    diagnostics: _containers.ScalarMap[str, float]
    failure: Failure
    host_seconds: float
    missing: Missing
    reused: _containers.RepeatedCompositeFieldContainer[QuantityRequest]
    seconds: float
    undefined: Undefined
    value: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, value: _Optional[float] = ..., undefined: _Optional[_Union[Undefined, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., missing: _Optional[_Union[Missing, _Mapping]] = ..., seconds: _Optional[float] = ..., host_seconds: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ..., diagnostics: _Optional[_Mapping[str, float]] = ..., reused: _Optional[_Iterable[_Union[QuantityRequest, _Mapping]]] = ..., compute: _Optional[int] = ...) -> None: ...

class StreamRequest(_message.Message):
    __slots__ = ["args", "array", "compute", "name"]
    class ArgsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ARGS_FIELD_NUMBER: _ClassVar[int]
    ARRAY_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    args: _containers.ScalarMap[str, str]
    array: str
    compute: int
    name: str
    def __init__(self, compute: _Optional[int] = ..., name: _Optional[str] = ..., args: _Optional[_Mapping[str, str]] = ..., array: _Optional[str] = ...) -> None: ...

class Undefined(_message.Message):
    __slots__ = ["kind", "why"]
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_NAN: Undefined.Kind
    KIND_NEGATIVE_INFINITY: Undefined.Kind
    KIND_NOT_APPLICABLE: Undefined.Kind
    KIND_POSITIVE_INFINITY: Undefined.Kind
    WHY_FIELD_NUMBER: _ClassVar[int]
    kind: Undefined.Kind
    why: str
    def __init__(self, kind: _Optional[_Union[Undefined.Kind, str]] = ..., why: _Optional[str] = ...) -> None: ...

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Scale(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
