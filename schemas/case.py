"""A case: one model on one path for one target of a suite, with every setting resolved."""

from __future__ import annotations

import msgspec

from schemas.imported import Definition, TestType
from schemas.target import EnvVar, StageTimeout
from schemas.words import Depth, Lowering, Mode, Outcome, Path, SkipReason, SourceKind, Stage

#: Where a case in mode train says nothing: this part of each output's largest magnitude.
_TRAIN_ATOL = 0.01
#: Seconds of one operation where nothing else is said.
OP_TIMEOUT = 60.0


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a comparison accepts: ``|a - e| <= atol + rtol * |e|`` per element, and PCC at least ``pcc``.

    ``None`` means: the default of the element type (docs/comparison.md). ``relative_atol`` stands for an ``atol`` of
    that many times the largest finite ``|e|`` of the output.
    """

    atol: float | None = None
    rtol: float | None = None
    pcc: float | None = None
    relative_atol: float | None = None


class Checks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which findings of the comparison decide. One that does not is measured and shown all the same.

    ``issue`` is where a disabled check is tracked; the loader demands it.
    """

    pcc: bool = True
    atol: bool = True  # element by element: atol, rtol, relative_atol
    tokens: bool = True
    issue: str = ""


class Tuning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the compiler is driven; None leaves its own default."""

    opt_level: str | None = None  # O0 … O3
    const_eval: bool | None = None  # evaluate constant expressions while compiling
    const_eval_parameters: bool | None = None  # also of weights kept in a parameter archive
    externalize: bool | None = None  # weights in a parameter archive; None: above ``externalize_above``
    externalize_above: int = 256 * 1024**2  # bytes of weights
    save_ir: bool = False  # keep the compiler's IR after each of its phases
    verify_intermediates: bool = False  # compare every tensor of the compiled model, and name the first that diverges
    verify: bool = True  # compare; without it a case never reads PASS


class Setting(msgspec.Struct, frozen=True):
    """A setting that overrides what the suites say, and who set it: ``command line`` or ``environment``."""

    name: str
    value: str
    origin: str


class Source(msgspec.Struct, frozen=True):
    """Where the model comes from."""

    kind: SourceKind
    locator: str
    sha256: str | None = None


class Skip(msgspec.Struct, frozen=True):
    """Why a case is not run."""

    reason: SkipReason
    detail: str


class Expectation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A declared failure: this stage, this kind of end, this signature; anything else is unexpected.

    Lists of imported suites know no signatures: where ``anyhow`` names stages, any failure or crash at one of them is
    meant, and ``stage`` is the first of them.
    """

    stage: Stage
    signature: str
    outcome: Outcome = Outcome.FAIL  # FAIL, TIMEOUT, CRASH or OOM
    cause: str | None = None  # written by a person; mandatory at OWN_STAGES
    issue: str | None = None
    owner: str | None = None
    review: str | None = None  # ISO date
    where: str = ""  # file:line of the entry, for "delete this line"
    anyhow: tuple[Stage, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Where the failure may be."""
        return self.anyhow or (self.stage,)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker needs to run one case, except where it runs."""

    id: str  # suite/target/model@path[.lowering][.train]
    suite: str
    target: str
    model: str
    path: Path
    depth: Depth
    source: Source
    lowering: Lowering = Lowering.TORCH
    mode: Mode = Mode.EVAL
    tags: tuple[str, ...] = ()
    group: str = ""
    owner: str = ""
    tolerance: Tolerance = Tolerance()
    checks: Checks = Checks()
    tuning: Tuning = Tuning()
    settings: tuple[Setting, ...] = ()  # what the command line and the environment changed
    #: The literal `files` of the tester's class, as written; the loader fills it, the runner fetches them before the
    #: case's clock starts.
    files: tuple[str, ...] = ()
    timeout: float = 600.0  # seconds, all stages together
    stage_timeouts: tuple[StageTimeout, ...] = ()
    memory_limit: int = 8 * 1024**3  # bytes
    op_timeout: float = OP_TIMEOUT  # seconds of one operation, op by op
    import_flags: tuple[str, ...] = ()
    compile_flags: tuple[str, ...] = ()  # target's flags first, then overrides; the backend adds its own
    run_flags: tuple[str, ...] = ()
    environment: tuple[EnvVar, ...] = ()
    seed: int = 0
    skip: Skip | None = None
    expectation: Expectation | None = None
    #: Of a case of an imported suite. Left out elsewhere, so that it is no part of other cases' digests.
    imported: Definition | msgspec.UnsetType = msgspec.UNSET

    @property
    def definition(self) -> Definition | None:
        """What an imported suite says of the case."""
        return self.imported if isinstance(self.imported, Definition) else None

    @property
    def is_timed(self) -> bool:
        """Whether its own speed is what it is about, so that nothing may run beside it."""
        definition = self.definition
        return definition is not None and definition.type is TestType.BENCHMARK and self.depth is Depth.EXECUTE

    @property
    def key(self) -> str:
        """The id without suite and target: ``onnx/node/test_abs@onnx``."""
        return case_key(self.model, self.path, self.lowering, self.mode)

    @property
    def accepted(self) -> Tolerance:
        """What the comparison accepts: ``tolerance``, in mode train with its ``atol`` (0.01) read as ``relative_atol``.

        Gradients of a mean have no common size: 0.01 would be nothing to one and everything to another.
        """
        given = self.tolerance
        if self.mode is not Mode.TRAIN or given.relative_atol is not None:
            return given
        relative = _TRAIN_ATOL if given.atol is None else given.atol
        return msgspec.structs.replace(given, atol=None, relative_atol=relative)


def case_key(model: str, path: Path, lowering: Lowering = Lowering.TORCH, mode: Mode = Mode.EVAL) -> str:
    """``model@path`` with ``.lowering`` and ``.train`` appended where they are not the default."""
    key = f"{model}@{path}"
    if lowering is not Lowering.TORCH:
        key += f".{lowering}"
    return key if mode is Mode.EVAL else f"{key}.{mode}"


def case_id(suite: str, target: str, key: str) -> str:
    """``suite/target/model@path``."""
    return f"{suite}/{target}/{key}"
