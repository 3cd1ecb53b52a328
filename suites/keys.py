"""Every key of our YAML files, declared once; turned into checked values by the loader, and into JSON Schemas."""

from __future__ import annotations

import msgspec

from schemas.imported import Format
from schemas.words import Depth, Lowering, Mode, Outcome, Path, Stage
from suites.fields import Field, Keys, Kind

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]*$"
NAME_SAYS = "a name of lower-case letters, digits and dashes"
MODEL_PATTERN = r"^[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.+-]+)*$"
FLAG_PATTERN = r"^-"
URL_PATTERN = r"^https?://\S+$"

#: What the runner can do with the models there are; the other words of `Depth` and `Path` have no machinery behind
#: them.
DEPTHS: tuple[Depth, ...] = (
    Depth.IMPORT, Depth.LOWER, Depth.COMPILE, Depth.COMPILE_OP_BY_OP, Depth.EXECUTE_OP_BY_OP, Depth.EXECUTE,
)  # fmt: skip
PATHS: tuple[Path, ...] = (Path.TORCH_MLIR, Path.ONNX, Path.ORT_EP, Path.DIRECT)
FAILURES: tuple[Outcome, ...] = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH, Outcome.OOM)
BACKENDS: tuple[str, ...] = ("llvm-cpu", "vmvx", "vulkan-spirv", "rocm", "cuda", "metal-spirv", "amd-aie")
#: Element types of a model's inputs, under numpy's names (and bfloat16).
ELEMENT_TYPES: tuple[str, ...] = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def text(doc: str, **rest: object) -> Field:
    """A field that holds a text."""
    return msgspec.convert({"kind": Kind.TEXT, "doc": doc, **rest}, Field)


def _flags(doc: str, example: str) -> Field:
    hint = "every flag begins with a dash"
    return Field(
        kind=Kind.TEXTS, doc=doc, example=[example], pattern=FLAG_PATTERN, says="a flag", hint=hint, empty=True
    )


TOLERANCE: Keys = {
    "atol": Field(kind=Kind.NUMBER, doc="Absolute tolerance: |a - e| <= atol + rtol * |e|.", example=1.0e-2, minimum=0),
    "rtol": Field(kind=Kind.NUMBER, doc="Relative tolerance: |a - e| <= atol + rtol * |e|.", example=1.0e-3, minimum=0),
    "pcc": Field(
        kind=Kind.NUMBER, doc="Least Pearson correlation of each output.", example=0.99, minimum=-1, maximum=1
    ),
    "relative-atol": Field(
        kind=Kind.NUMBER,
        doc="Instead of `atol`: that many times the largest magnitude of each golden output.",
        example=1.0e-2,
        minimum=0,
    ),
}


def url(doc: str) -> Field:
    """A field that holds an address."""
    hint, example = "write the issue's whole address", "https://example.org/issues/1"
    return text(doc, pattern=URL_PATTERN, says="a URL", hint=hint, example=example)


def _switch(doc: str, *, example: bool) -> Field:
    return Field(kind=Kind.FLAG, doc=doc, example=example)


#: A disabled check is measured and shown all the same.
CHECKS: Keys = {
    "pcc": _switch("Whether the Pearson correlation decides.", example=False),
    "atol": _switch("Whether the comparison element by element decides (atol, rtol, relative-atol).", example=False),
    "tokens": _switch("Whether the comparison of decoded tokens decides.", example=False),
    "issue": url("Where a disabled check is tracked; needed with one."),
}

TUNING: Keys = {
    "optimization-level": text("The compiler's optimisation level.", choices=("O0", "O1", "O2", "O3"), example="O2"),
    "const-eval": _switch("Evaluate constant expressions while compiling.", example=False),
    "const-eval-parameters": _switch("Also of weights that lie in a parameter archive.", example=True),
    "externalize": _switch(
        "Keep weights in a parameter archive beside the module; not given: above `externalize-above`.", example=True
    ),
    "externalize-above": Field(
        kind=Kind.SIZE, doc="Weights of this size and more are kept in a parameter archive.", example="256MiB"
    ),
    "save-ir": _switch("Keep the compiler's IR after each of its phases beside the logs.", example=True),
    "verify": _switch("Compare; a case that does not never reads PASS.", example=False),
    "verify-intermediates": _switch(
        "Also compare every tensor between inputs and outputs, and name the first that diverges.", example=True
    ),
}

STAGE_TIMEOUTS = Field(
    kind=Kind.NAMED,
    doc="Deadlines of single stages; each must be shorter than the case's.",
    example={"compilation": "5m"},
    choices=tuple(Stage),
    item=Field(kind=Kind.DURATION, doc="A duration.", example="5m"),
)

ENVIRONMENT = Field(
    kind=Kind.NAMED,
    doc="Environment variables of the case's processes; values are text.",
    example={"OMP_NUM_THREADS": "1"},
    pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    says="a name of an environment variable",
    hint="letters, digits and _ only, not beginning with a digit",
    item=Field(kind=Kind.TEXT, doc="The value.", example="1", empty=True),
)

MEMORY_LIMIT = Field(kind=Kind.SIZE, doc="Most memory one case may use.", example="8GiB")

#: Settings that may differ per target.
PER_TARGET: Keys = {
    "tolerance": Field(
        kind=Kind.MAPPING,
        doc="What a comparison accepts; a part not given keeps the element type's default.",
        example={"atol": 1.0e-2, "pcc": 0.99},
        keys=TOLERANCE,
    ),
    "timeout": Field(kind=Kind.DURATION, doc="Deadline of one case, all stages together.", example="10m"),
    "stage-timeouts": STAGE_TIMEOUTS,
    "op-timeout": Field(kind=Kind.DURATION, doc="Deadline of one operation, op by op.", example="1m"),
    "import-flags": _flags("Added to the importer's flags.", "--opset-version=17"),
    "compile-flags": _flags("Added to the compiler's flags, after the target's.", "--iree-opt-level=O2"),
    "run-flags": _flags("Added to the runtime's flags, after the target's.", "--task_topology_group_count=1"),
    "lowering": text("Dialect handed to the compiler.", choices=tuple(Lowering), example="torch"),
    "mode": text("What the model is run for.", choices=tuple(Mode), example="train"),
    "checks": Field(
        kind=Kind.MAPPING,
        doc="Which findings of the comparison decide; one that does not needs an `issue`.",
        example={"pcc": False, "issue": "https://example.org/issues/1"},
        keys=CHECKS,
    ),
    "tuning": Field(
        kind=Kind.MAPPING,
        doc="How the compiler is driven; what is not given is left to it.",
        example={"optimization-level": "O2"},
        keys=TUNING,
    ),
    "owner": text("Who looks after the model.", example="somebody"),
    "seed": Field(kind=Kind.INTEGER, doc="Seed of generated inputs.", example=0, minimum=0, maximum=2**32 - 1),
    "tags": Field(
        kind=Kind.TEXTS,
        doc="Words to select by; added to the model's own.",
        example=["smoke"],
        pattern=r"^[A-Za-z0-9_.-]+$",
        says="a tag of letters, digits, dots, dashes and _",
        empty=True,
    ),
    "skip": text(
        "Do not run, and say why.", example="needs 40 GiB of memory", hint='give the reason in words: skip: "why"'
    ),
    "memory-limit": MEMORY_LIMIT,
    "environment": ENVIRONMENT,
}

#: Settings of `defaults`, of a group and of a model.
SETTINGS: Keys = {
    **PER_TARGET,
    "paths": Field(
        kind=Kind.TEXTS,
        doc="How the model reaches the compiler; one case each. What there is depends on the model.",
        choices=PATHS,
        example=["onnx"],
    ),
    "targets": Field(
        kind=Kind.NAMED,
        doc="The same settings for single targets; they come after all settings that name no target.",
        example={"cpu": {"timeout": "5m"}},
        item=Field(kind=Kind.MAPPING, doc="Settings on this target.", keys=PER_TARGET, example={"timeout": "5m"}),
    ),
}

MODEL: Keys = {
    "name": text(
        "A model's name, or a glob over names (* also crosses slashes); beside a file or class the name to give.",
        example="onnx/node/test_abs*",
    ),
    "tag": text("Takes every model that bears this tag.", example="conv"),
    "onnx": text("An .onnx file, relative to this manifest, or an http(s) URL.", example="./my_model.onnx"),
    "python": text(
        "A tester class: file.py:Class, the path relative to this manifest; file.py:Class[variant] takes one variant.",
        example="./my_model.py:MyTester",
    ),
    "mlir": text(
        "A module in MLIR (StableHLO, linalg, tosa), .mlir or .mlirbc, relative to this manifest, or an http(s) URL.",
        example="./my_model.mlir",
    ),
    "sha256": text(
        "Checksum of the file behind `onnx:` or `mlir:`.",
        pattern=r"^[0-9a-f]{64}$",
        says="a SHA-256 checksum",
        hint="write its 64 lower-case hexadecimal digits",
        example="0" * 64,
    ),
    "directory": text(
        "A folder of definitions of another suite, relative to this manifest; one model each.",
        example="../iree-test-suites/onnx_ops",
    ),
    "format": text("What the definitions in `directory:` look like.", choices=tuple(Format), example="onnx-ops"),
    "config": text(
        "The configuration file of `directory:`, with flags and lists, relative to this manifest.",
        example="./cpu_llvm_sync.json",
    ),
    "markers": text("Which of the definitions: words with and, or, not and brackets.", example="hip and benchmark"),
    "module-directory": text(
        "Where module definitions are named from; the `directory` itself where not given.", example="../torch_models"
    ),
    "external-file-directory": text(
        "Where other files of the definitions are named from, and every tool is started; the `directory` itself where "
        "not given.",
        example="../test_suite_files",
    ),
    "comparison": text(
        "Who decides about the results of `directory:`: the tool it was made for, or our comparison as well.",
        choices=("tool", "strict"),
        example="strict",
    ),
    "exclude": Field(
        kind=Kind.TEXTS, doc="Names or globs that this entry leaves out.", example=["onnx/node/*_expanded"]
    ),
    "group": text("A group of this manifest whose settings apply.", example="slow"),
    "only": Field(
        kind=Kind.TEXTS,
        doc="Targets of the suite that this entry is for; on the others it is as if it were not written.",
        example=["cpu"],
    ),
    **SETTINGS,
}

EXCUSED = Field(
    kind=Kind.ENTRIES,
    doc="Models that are in no list on purpose.",
    example=[{"name": "onnx/simple/test_sign_model", "reason": "covered by onnx/node/test_sign"}],
    keys={
        "name": text("A model's name or a glob.", example="onnx/simple/test_sign_model", required=True),
        "reason": text("Why no list has it.", example="covered by onnx/node/test_sign", required=True),
    },
)

MANIFEST: Keys = {
    "suite": text("The suite's name: the file's name without .yaml.", pattern=NAME_PATTERN, says=NAME_SAYS,
                   example="presubmit", required=True),
    "description": text("One sentence for people.", example="Full models, end to end, every night", required=True),
    "schedule": text("When it runs by itself: cron, five fields, UTC.", example="17 2 * * *"),
    "pull-request": Field(kind=Kind.FLAG, doc="Also run on pull requests; hosted targets only.", example=True),
    "depth": text("How far each case goes.", choices=DEPTHS, example="execute", required=True),
    "targets": Field(
        kind=Kind.TEXTS, doc="Names from targets.yaml.", example=["cpu"], required=True,
    ),
    "only": Field(
        kind=Kind.TEXTS, doc="Targets that entries without an `only` of their own are for.", example=["cpu"]
    ),
    "disjoint-with": Field(
        kind=Kind.TEXTS, doc="Suites that may not share a model with this one.", example=["e2e-compile"]
    ),
    "disjoint-per-target-with": Field(
        kind=Kind.TEXTS,
        doc="Suites that may not run a model on a target on which this one runs it.",
        example=["nightly-op-by-op"],
    ),
    "twin-in": text(
        "The suite that must run, on the same target, what this one runs; the catalogue's cases are exempt.",
        example="weekly-op-by-op",
    ),
    "twin-in-bring-up": text(
        "Instead of `twin-in`: the suite for models that are expected to fail before their outputs are compared.",
        example="nightly-op-by-op",
    ),
    "defaults": Field(
        kind=Kind.MAPPING, doc="Settings of every model of the suite.", keys=SETTINGS, example={"timeout": "10m"}
    ),
    "groups": Field(
        kind=Kind.NAMED,
        doc="Named settings that models refer to.",
        example={"slow": {"timeout": "20m"}},
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        says="a group name of letters, digits, dots, dashes and _",
        item=Field(kind=Kind.MAPPING, doc="Settings of the group.", keys=SETTINGS, example={"timeout": "20m"}),
    ),
    "models": Field(
        kind=Kind.ENTRIES, doc="What is tested; an empty list is a suite that waits for its first model.", keys=MODEL,
        example=[{"name": "onnx/node/*"}], required=True, empty=True,
    ),
    "excused": EXCUSED,
}  # fmt: skip

EXCUSED_FILE: Keys = {"excused": msgspec.structs.replace(EXCUSED, required=True, empty=True)}

CONTAINER: Keys = {
    "image": text(
        "Image with its digest.",
        pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$",
        says="an image pinned by digest",
        hint="write name@sha256:<64 hexadecimal digits>; a tag alone may change under you",
        example="ghcr.io/example/image@sha256:" + "0" * 64,
        required=True,
    ),
    "options": text("Options of `docker create`.", example="--device=/dev/kfd", empty=True),
    "volumes": Field(kind=Kind.TEXTS, doc="Volumes, source:destination.", example=["/data:/data"], empty=True),
}

TARGET: Keys = {
    "description": text("One sentence for people.", example="x86-64 on a hosted machine"),
    "backend": text("The compiler's backend.", choices=BACKENDS, example="llvm-cpu", required=True),
    "device": text("IREE's device URI.", example="local-task", required=True),
    "runs-on": Field(
        kind=Kind.TEXT_OR_TEXTS, doc="GitHub's runner label, or all labels.", example=["ubuntu-24.04"], required=True
    ),
    "compile-runs-on": Field(
        kind=Kind.TEXT_OR_TEXTS,
        doc="Labels, without a container, for suites that end at compilation: those need no device.",
        example=["ubuntu-24.04"],
    ),
    "build-on": text(
        "The hosted target on whose machines cases are built; this target's own machines then only run them.",
        example="cpu",
    ),
    "precompile-driver": Field(
        kind=Kind.NAMED,
        doc="The driver compiles where cases are built, without the device, given these variables; `{}` is none.",
        example={"VK_DRIVER_FILES": "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"},
        pattern=ENVIRONMENT.pattern,
        says=ENVIRONMENT.says,
        hint=ENVIRONMENT.hint,
        item=ENVIRONMENT.item,
        empty=True,
    ),
    "handover-limit": Field(
        kind=Kind.SIZE, doc="What one built case may hand over; a larger one is run as a whole.", example="1GiB"
    ),
    "handover-total": Field(
        kind=Kind.SIZE, doc="What all built cases of a shard may hand over together.", example="8GiB"
    ),
    "chip": text("Chip to compile for.", example="gfx942"),
    "sku": text("Product the machine holds.", example="mi300"),
    "compile-flags": _flags("Flags of every compilation for this target.", "--iree-llvmcpu-target-cpu=host"),
    "run-flags": _flags("Flags of every run on this target.", "--device_allocator=caching"),
    "input-casts": Field(
        kind=Kind.NAMED,
        doc="Inputs of one element type are given to the model as another, which the hardware has.",
        example={"int64": "int32"},
        choices=ELEMENT_TYPES,
        item=text("The element type instead.", choices=ELEMENT_TYPES, example="int32"),
    ),
    "ort-ep-library": text(
        "ONNX Runtime plug-in with IREE's execution provider, for the path `ort-ep`.",
        example="/opt/iree/libonnxruntime_ep_iree.so",
    ),
    "container": Field(kind=Kind.MAPPING, doc="Container of the jobs.", keys=CONTAINER,
                       example={"image": "ghcr.io/example/image@sha256:" + "0" * 64}),
    "exclusive-device": Field(kind=Kind.FLAG, doc="One case at a time has the device.", example=True),
    "environment": ENVIRONMENT,
    "secrets": Field(
        kind=Kind.TEXTS,
        doc="Names of the repository's secrets the jobs get.",
        example=["HF_TOKEN"],
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        says="a name of a secret",
        hint="letters, digits and _ only",
    ),
    "secrets-environment": text("GitHub environment that guards the secrets.", example="hardware"),
    "toolchain": text("A compiler build tree used instead of the installed package.", example="../iree-build"),
    "setup-packages": Field(
        kind=Kind.TEXTS,
        doc="Debian packages the setup installs.",
        example=["mesa-vulkan-drivers"],
        pattern=r"^[a-z0-9][a-z0-9+.:-]*$",
        says="a name of a Debian package",
        hint="lower-case letters, digits, +, - and . only",
    ),
    "jobs": Field(kind=Kind.INTEGER, doc="Cases at a time; 0 is one per core.", example=0, minimum=0, maximum=1024),
    "memory-limit": MEMORY_LIMIT,
    "stage-timeouts": STAGE_TIMEOUTS,
    "case-timeout": Field(kind=Kind.DURATION, doc="Deadline of one case.", example="10m"),
    "shard-timeout": Field(kind=Kind.DURATION, doc="Deadline the runner sets itself for a shard.", example="55m"),
    "job-timeout": Field(kind=Kind.DURATION, doc="GitHub's timeout of a job.", example="1h"),
    "setup-time": Field(kind=Kind.DURATION, doc="What boot, checkout and installation of a job cost.", example="90s"),
    "shard-budget": Field(kind=Kind.DURATION, doc="Job time one shard should take.", example="20m"),
    "capacity": Field(
        kind=Kind.INTEGER, doc="Machines that serve this target at once.", example=8, minimum=1, maximum=256
    ),
}  # fmt: skip

TARGETS_FILE: Keys = {
    "targets": Field(
        kind=Kind.NAMED,
        doc="Every target by name.",
        example={"cpu": {"backend": "llvm-cpu", "device": "local-task", "runs-on": "ubuntu-24.04"}},
        required=True,
        pattern=NAME_PATTERN,
        says=NAME_SAYS,
        item=Field(kind=Kind.MAPPING, doc="One target.", keys=TARGET,
                   example={"backend": "llvm-cpu", "device": "local-task", "runs-on": "ubuntu-24.04"}),
    )
}  # fmt: skip
