"""The project's vocabulary as enumerations: one word, one meaning, one spelling in every file."""

from __future__ import annotations

from enum import StrEnum


class Depth(StrEnum):
    """How far a case goes."""

    IMPORT = "import"
    LOWER = "lower"
    COMPILE = "compile"
    COMPILE_OP_BY_OP = "compile-op-by-op"
    EXECUTE_OP_BY_OP = "execute-op-by-op"
    EXECUTE = "execute"


class Path(StrEnum):
    """How a model reaches the compiler."""

    TORCH_MLIR = "torch-mlir"
    ONNX = "onnx"
    ORT_EP = "ort-ep"
    DIRECT = "direct"


class Lowering(StrEnum):
    """Which dialect is handed to the compiler."""

    TORCH = "torch"
    LINALG = "linalg"
    STABLEHLO = "stablehlo"


class Mode(StrEnum):
    """What a model is run for."""

    EVAL = "eval"
    TRAIN = "train"  # loss, and its gradients by inputs and parameters


class Stage(StrEnum):
    """A step of one case, in the order of running."""

    SETUP = "setup"
    IMPORT_MODEL = "import_model"
    PREPROCESS_MODEL = "preprocess_model"
    COMPILATION = "compilation"
    CONSTRUCT_INPUTS = "construct_inputs"
    NATIVE_INFERENCE = "native_inference"
    COMPILED_INFERENCE = "compiled_inference"
    POSTPROCESSING = "postprocessing"
    COMPARISON = "comparison"
    BENCHMARK = "benchmark"  # of imported suites: time, dispatches and size against goldens
    OP_BY_OP = "op_by_op"  # instead of the stages between: each operation of the model, compiled and run alone


#: Stages that are this project's own (or the model author's), not the compiler's: a failure there is
#: never accepted as an expectation without a written cause.
OWN_STAGES: tuple[Stage, ...] = (Stage.SETUP, Stage.CONSTRUCT_INPUTS, Stage.NATIVE_INFERENCE)


class StageStatus(StrEnum):
    """How one stage ended."""

    PASS = "PASS"
    FAIL = "FAIL"
    TIMEOUT = "TIMEOUT"
    CRASH = "CRASH"
    OOM = "OOM"
    INFRA = "INFRA"
    SKIP = "SKIP"  # left out on purpose (--skip-stages, or not needed for the depth)


class Outcome(StrEnum):
    """How one case ended, judged against its expectation."""

    PASS = "PASS"
    FAIL = "FAIL"
    XFAIL = "XFAIL"
    XPASS = "XPASS"
    TIMEOUT = "TIMEOUT"
    CRASH = "CRASH"
    OOM = "OOM"
    SKIP = "SKIP"
    INFRA = "INFRA"
    MISSING = "MISSING"

    @property
    def is_red(self) -> bool:
        """Whether this outcome makes a run fail (exit status 1)."""
        return self not in (Outcome.PASS, Outcome.XFAIL, Outcome.SKIP)


class SkipReason(StrEnum):
    """Why a case was not judged; every report counts these separately."""

    RANDOM = "random"  # the operator draws random values: no golden exists
    SEQUENCE = "sequence"
    OPTIONAL = "optional"
    MAP = "map"
    STRING = "string"
    DRIVER = "driver"  # the target's driver is absent on this machine
    MANIFEST = "manifest"  # `skip:` in a manifest, with a written reason
    NOT_COMPARED = "not-compared"  # --skip-stages left out the comparison: ran, but proves nothing


class SourceKind(StrEnum):
    """Where a model's source comes from; the key of the runner's registry of sources."""

    ONNX_NODE = "onnx-node"  # a node case that the `onnx` package generates; locator: case name
    ONNX_DATA = "onnx-data"  # a case on disk in the `onnx` package; locator: folder/case name
    ONNX_FILE = "onnx-file"  # an .onnx file; locator: absolute or manifest-relative path
    ONNX_URL = "onnx-url"  # an .onnx file behind a URL; locator: the URL
    MLIR_FILE = "mlir-file"  # a file of MLIR; locator like ONNX_FILE's
    MLIR_URL = "mlir-url"  # such a file behind a URL; locator: the URL
    PYTHON = "python-file"  # a class of the authoring face; locator: path.py:Class[variant], path like ONNX_FILE's
    IMPORTED = "imported"  # a definition of an imported suite, or what one names; locator like ONNX_FILE's
    FILE = "file"  # what a model's code asks `get_file` for; locator: get_file's argument. Never a case's own source


class Extra(StrEnum):
    """What some cases need installed beside the base: an optional dependency, and a file of ``requirements/``."""

    TORCH = "torch"
    TORCH_MLIR = "torch-mlir"  # torch brings it too
    S3 = "s3"
    STABLEHLO = "stablehlo"  # the reference interpreter for StableHLO modules


#: ``exit_status`` of a record: ``PASS``, ``Numerics`` or the name of the stage that failed.
EXIT_PASS = "PASS"

#: Metrics of a record: how many of its modules the compiler made in this run, and how many came from the store.
MODULES_COMPILED = "modules_compiled"
MODULES_FROM_CACHE = "modules_from_cache"
EXIT_NUMERICS = "Numerics"
EXIT_NOT_RUN = "not-run"  # SKIP and MISSING: no stage was entered
