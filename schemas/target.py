"""A target: a named place to compile for and to run on, as ``targets.yaml`` declares it."""

from __future__ import annotations

import msgspec

from schemas.words import Stage


class Container(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The container a target's jobs run in (GitHub's ``jobs.<id>.container``)."""

    image: str  # with a digest: name@sha256:…
    options: str = ""
    volumes: tuple[str, ...] = ()


class StageTimeout(msgspec.Struct, frozen=True):
    """The deadline of one stage, in seconds."""

    stage: Stage
    seconds: float


class EnvVar(msgspec.Struct, frozen=True):
    """One environment variable."""

    name: str
    value: str


class InputCast(msgspec.Struct, frozen=True):
    """Inputs of one element type are given to the model as another, which the hardware has (numpy's names)."""

    given: str
    cast: str


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``targets.yaml``. All durations in seconds, all sizes in bytes."""

    name: str
    backend: str  # key of the runner's backend registry: llvm-cpu, vmvx, vulkan-spirv, rocm, cuda, metal-spirv, amd-aie
    device: str  # IREE device URI: local-task, local-sync, vulkan, hip, cuda, metal
    runs_on: tuple[str, ...]  # GitHub's runner labels
    hosted: bool  # a GitHub-hosted machine: may serve pull requests
    compile_runs_on: tuple[str, ...] = ()  # labels where cases only compile, which needs no device; empty: runs_on
    build_on: str | None = None  # the target on whose machines its cases are built; its own then only run them
    precompile_driver: tuple[EnvVar, ...] | None = None  # what its driver needs to compile there without the device
    handover_limit: int = 1024**3  # bytes of one case's bundle; a larger case is run whole
    handover_total: int = 8 * 1024**3  # bytes of all bundles of a shard
    description: str = ""
    chip: str | None = None
    sku: str | None = None
    compile_flags: tuple[str, ...] = ()
    run_flags: tuple[str, ...] = ()
    input_casts: tuple[InputCast, ...] = ()
    ort_ep_library: str | None = None  # ONNX Runtime plug-in of the path ort-ep; E2ESHARD_ORT_EP_LIBRARY is stronger
    container: Container | None = None
    exclusive_device: bool = False
    environment: tuple[EnvVar, ...] = ()
    secrets: tuple[str, ...] = ()  # names only
    secrets_environment: str | None = None  # GitHub environment that guards the secrets
    toolchain: str | None = None  # a compiler build tree used instead of the installed package
    setup_packages: tuple[str, ...] = ()  # Debian packages installed by the setup action
    jobs: int = 0  # cases at a time; 0: one per core
    memory_limit: int = 8 * 1024**3  # per case
    stage_timeouts: tuple[StageTimeout, ...] = ()
    case_timeout: float = 600.0
    shard_timeout: float = 3300.0  # the runner's own deadline
    job_timeout: float = 3600.0  # GitHub's timeout-minutes
    setup_seconds: float = 90.0  # boot, checkout and installation of one job
    shard_minutes: float = 20.0  # job-minutes budget of one shard
    capacity: int = 8  # how many machines serve this target at once
