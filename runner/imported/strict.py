"""What the modules return and what the definition expects become arrays, held against each other by our own rules."""

from __future__ import annotations

import pathlib
import re

import numpy as np

from runner.backends.values import output_flag, read_npy, read_text
from runner.compare import compare, reasons_of
from runner.imported import running
from runner.imported.arguments import expected, flags_of_file
from runner.tensors import MLIR_TYPES, Array, ElementType, unpack
from runner.tools import invoke
from runner.work import Golden, Work, present
from schemas.errors import InfraError
from schemas.imported import Definition
from schemas.record import ErrorInfo

_IGNORED = "(ignored)"
_TYPED = re.compile(r"^(?P<shape>(?:\d+x)*)(?P<type>[A-Za-z][\w<>]*)=(?P<rest>.*)$", re.DOTALL)
_ALL = "--output_max_element_count=2147483647"
_NOT_A_NUMBER = str.maketrans("[]", "  ")


def compare_strictly(work: Work, definition: Definition) -> None:
    """Fill the work's comparisons; what they say is a refusal where the definition's own tool had none.

    The runtime either compares or writes its results: this runs the function a second time. Raises StageFailure where
    that fails, InfraError for an expected output that cannot be read.
    """
    if definition.allclose is None:
        texts = _expected_texts(work, definition)
        goldens = [_golden(work, definition, number, text) for number, text in enumerate(texts)]
        outputs = _outputs(work, definition, [None if each is None else each[1] for each in goldens])
        work.golden = tuple(each[0] for each in goldens if each is not None)
        work.outputs = tuple(value for value, each in zip(outputs, goldens, strict=True) if each is not None)
    verdict = compare(
        present(work.golden, "golden"), present(work.outputs, "outputs"), work.job.case.accepted, work.job.case.checks
    )
    work.comparisons = verdict.comparisons
    if verdict.signature is not None and work.refusal is None:
        work.refusal = ErrorInfo(signature=verdict.signature, excerpt="\n".join(reasons_of(verdict.comparisons)))


def note_findings(work: Work) -> None:
    """Our findings about outputs that another rule decides about: a note where they differ from that."""
    verdict = compare(
        present(work.golden, "golden"), present(work.outputs, "outputs"), work.job.case.accepted, work.job.case.checks
    )
    work.comparisons = verdict.comparisons
    if verdict.signature is not None and work.refusal is None:
        reasons = "; ".join(reasons_of(verdict.comparisons))
        work.notes = (*work.notes, f"our own comparison: {verdict.signature}: {reasons}")


def _expected_texts(work: Work, definition: Definition) -> list[str]:
    flags = (*expected(work, definition), *flags_of_file(work, definition))
    return [flag.partition("=")[2] for flag in flags if flag.startswith("--expected_output=")]


def _outputs(work: Work, definition: Definition, elements: list[str | None]) -> tuple[Array, ...]:
    """All results of a second run, in their types; those of no interest are read too."""
    stems = [work.folder / f"result_{number}" for number in range(len(elements))]
    flags = [output_flag(element or "", stem) for element, stem in zip(elements, stems, strict=True)]
    given = [each for each in flags_of_file(work, definition) if not each.startswith("--expected_output=")]
    command = [
        each
        for each in running.command(work, definition, work.job.toolchain.iree_run_module)
        if not each.startswith("--output=")
    ]
    printed = work.folder / "results.txt"
    argv = [*command, *given, *running.own_flags(work, definition), *(f"--output={flag}" for flag in flags), _ALL]
    invoke(work, argv, stdout=printed)
    texts = iter(read_text(printed.read_text()) if "-" in flags else [])
    return tuple(
        next(texts) if flag == "-" else read_npy(pathlib.Path(flag[1:]), element or "")
        for flag, element in zip(flags, elements, strict=True)
    )


def _golden(work: Work, definition: Definition, number: int, text: str) -> tuple[Golden, str] | None:
    """The value and its MLIR element type; None for one that is ignored."""
    if text.strip() == _IGNORED:
        return None
    folder = pathlib.Path(work.job.places[definition.cwd])
    name = f"result_{number}"
    try:
        value, element = _read(folder, text)
    except (OSError, ValueError) as error:
        raise InfraError(
            f"expected output {text!r} cannot be read: {error}", "mend it, or leave out `strict`"
        ) from error
    return Golden(name, value), element


def _read(folder: pathlib.Path, text: str) -> tuple[Array, str]:
    if text.startswith("@"):
        return np.load(folder / text[1:], allow_pickle=False), ""
    typed = _TYPED.match(text)
    kind = MLIR_TYPES.get(typed["type"]) if typed else None
    if typed is None or kind is None:
        msg = "neither a typed value nor a .npy file"
        raise ValueError(msg)
    shape = tuple(int(size) for size in typed["shape"].split("x") if size)
    return _value(folder, typed["rest"], kind, shape), typed["type"]


def _value(folder: pathlib.Path, rest: str, kind: ElementType, shape: tuple[int, ...]) -> Array:
    if rest.startswith("@"):
        return unpack((folder / rest[1:]).read_bytes(), kind, shape)
    numbers = np.array(rest.translate(_NOT_A_NUMBER).replace(",", " ").split(), dtype=np.float64)
    made: Array = (np.full(shape, numbers[0]) if numbers.size == 1 else numbers.reshape(shape)).astype(kind.dtype)
    return made
