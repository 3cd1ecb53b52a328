"""A bundle: a case's folder from which any stage can go on, described by its ``bundle.json``.

Every path in it is relative to the folder and written with slashes, so that the folder can be moved to another machine.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from schemas.case import Case
from schemas.codec import encode_canonical
from schemas.record import CastInput, Flags, Provenance, StageResult
from schemas.target import Target
from schemas.words import Outcome

BUNDLE_SCHEMA = "e2eshard.bundle/1"
BUNDLE_FILE = "bundle.json"


class Artefact(StrEnum):
    """What a stage reads or leaves. All but MODEL are stored in a bundle."""

    SOURCE = "source"  # the file or folder that the model comes from
    MODEL = "model"  # the loaded model; lives in the case's process only, so that `setup` is run again for it
    MODULE = "imported module"
    ENTRY = "entry point and its weights"
    LOWERED = "lowered module"
    COMPILED = "compiled module"
    INPUTS = "inputs"
    GOLDEN = "golden"
    OUTPUTS = "outputs"
    PROCESSED = "processed golden and outputs"


class StoredTensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One array: a ``.npy`` file, or its bytes as IREE's buffers have them where NumPy's format lacks the element type.

    ``dtype`` is numpy's or ml_dtypes' name of the element type.
    """

    file: str
    dtype: str
    shape: tuple[int, ...]
    name: str = ""  # of an output in the model


class StoredPiece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a graph of a model that was imported in pieces is known by; ``changed`` are places of its arguments."""

    digest: str
    changed: tuple[int, ...] = ()


class StoredModule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The imported module: its entry point with the MLIR element types of its results, and an archive of weights."""

    file: str
    entry: str
    results: tuple[str, ...]
    scope: str = ""  # of the weights
    parameters: str = ""  # file of the weights
    piece: StoredPiece | None = None


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the stages of a case have left so far. None: the stage was not run, or its artefact cannot be stored."""

    imported: StoredModule | None = None
    lowered: str | None = None  # the same file as ``imported`` where nothing was lowered
    compiled: str | None = None
    further: tuple[StoredModule, ...] = ()  # of a model that was imported in pieces: its modules after the first
    further_lowered: tuple[str, ...] = ()
    further_compiled: tuple[str, ...] = ()
    inputs: tuple[StoredTensor, ...] | None = None
    golden: tuple[StoredTensor, ...] | None = None
    outputs: tuple[StoredTensor, ...] | None = None
    processed_golden: tuple[StoredTensor, ...] | None = None
    processed_outputs: tuple[StoredTensor, ...] | None = None
    plain: bool = False  # whether going on needs the model no more, though its kind may have code for the outputs
    casts: tuple[CastInput, ...] = ()
    source_files: tuple[str, ...] = ()  # what the source consists of, relative to its folder; empty: the source alone
    metrics: dict[str, float] = {}
    flags: Flags = Flags()
    notes: tuple[str, ...] = ()


class BundleFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of the bundle; ``size`` in bytes. ``missing`` says why a file was left out and how to get it."""

    path: str
    size: int
    sha256: str
    missing: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the case ended in the run that the bundle was kept of."""

    outcome: Outcome
    exit_status: str
    signature: str = ""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """``bundle.json``. ``source`` is the model's own file or folder below ``source/``; empty where it was not kept."""

    schema: str = BUNDLE_SCHEMA
    digest: str = ""  # of all the other fields: ``bundle_digest``
    case: Case
    target: Target
    verdict: Verdict
    stages: tuple[StageResult, ...]
    state: State
    source: str
    load_inputs: bool = False
    files: tuple[BundleFile, ...]
    provenance: Provenance = Provenance()  # without the command, which may name folders of the machine


def bundle_digest(bundle: Bundle) -> str:
    """SHA-256 over the canonical JSON of everything but ``digest``: one wrong byte of bundle.json is noticed."""
    return hashlib.sha256(encode_canonical(msgspec.structs.replace(bundle, digest=""))).hexdigest()
