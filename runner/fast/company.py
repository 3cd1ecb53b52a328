"""Members whose modules lie behind one function are called at once; each then goes on by itself.

Who is no longer there, or has failed since, has left its arguments: a call wants those of all.
"""

from __future__ import annotations

import encodings.cp437  # noqa: F401 - the names in a ZIP file; here it is loaded once, before any fork
import io
import itertools
import pathlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from runner.protocol import Companion
from runner.tensors import ELEMENT_TYPES, Array, element_type
from runner.work import present
from schemas.words import Stage

if TYPE_CHECKING:
    from runner.fast.worker import One

_TYPES = "types"
Call = Callable[[pathlib.Path, str, tuple[Array, ...], tuple[str, ...]], tuple[Array, ...]]


@dataclass
class Company:
    """A function of a compiled module, and in its order whose arguments it takes; ``ones`` are there, by their keys."""

    compiled: pathlib.Path
    function: str
    order: tuple[str, ...]
    ones: dict[str, One]
    guests: dict[str, Companion] = field(default_factory=dict)  # the others
    stored: pathlib.Path | None = None  # the arguments of all
    seconds: float = 0.0  # of the call

    def call(self, call: Call) -> tuple[Array, ...]:
        """Give each that is there its outputs and its share of the time; the inputs of all.

        Raises what the runtime raises, LookupError where one that is there has no inputs, and as ``arguments`` where
        those of the others cannot be read.
        """
        given = self._given()
        begun = time.perf_counter()
        outputs = self._outputs(call, given)
        self.seconds = time.perf_counter() - begun
        share = self.seconds / len(self.order)
        for key, one in self.ones.items():
            one.work.outputs = outputs[key]
            one.seconds[Stage.COMPILED_INFERENCE] = share
        return given

    def outputs(self, call: Call, ones: Sequence[One]) -> tuple[tuple[Array, ...], ...]:
        """What each of some has when all are called again; raises as ``call``, and keeps nothing."""
        found = self._outputs(call, self._given())
        keys = {one.number: key for key, one in self.ones.items()}
        return tuple(found[keys[one.number]] for one in ones)

    def _given(self) -> tuple[Array, ...]:
        return tuple(array for each in self._inputs() for array in each)

    def _outputs(self, call: Call, given: tuple[Array, ...]) -> dict[str, tuple[Array, ...]]:
        results = [self._results(key) for key in self.order]
        outputs = call(self.compiled, self.function, given, tuple(kind for each in results for kind in each))
        ends = [*itertools.accumulate(map(len, results))]
        return {key: outputs[at - len(own) : at] for key, own, at in zip(self.order, results, ends, strict=True)}

    def companions(self) -> tuple[Companion, ...]:
        """All whose arguments it takes, for later runs."""
        return tuple(self.guests[key] if key in self.guests else self._companion(key) for key in self.order)

    def _companion(self, key: str) -> Companion:
        return Companion(key=key, arguments=len(self._own(key)), results=self._results(key))

    def _own(self, key: str) -> tuple[Array, ...]:
        return present(self.ones[key].work.inputs, "inputs")

    def _results(self, key: str) -> tuple[str, ...]:
        guest = self.guests.get(key)
        return guest.results if guest else present(self.ones[key].work.imported, "imported module").entry.results

    def _inputs(self) -> list[tuple[Array, ...]]:
        left = arguments(present(self.stored, "inputs of earlier runs")) if self.guests else ()
        found: list[tuple[Array, ...]] = []
        at = 0
        for key in self.order:
            guest = self.guests.get(key)
            mine = left[at : at + guest.arguments] if guest else self._own(key)
            found.append(mine)
            at += len(mine)
        return found


def known(ones: Sequence[One], stored: Callable[[pathlib.Path, str], pathlib.Path]) -> list[Company]:
    """Companies of members that were compiled in an earlier run; ``stored`` says where the arguments of all lie."""
    found: list[Company] = []
    for one in ones:
        compiled, member = present(one.work.compiled, "compiled module"), one.member
        for each in found:
            if (each.compiled, each.function) == (compiled, member.function) and member.key in each.guests:
                each.ones[member.key] = one
                del each.guests[member.key]
                break
        else:
            guests = {each.key: each for each in member.company}
            order = tuple(guests)
            del guests[member.key]
            place = stored(compiled, member.function)
            found.append(Company(compiled, member.function, order, {member.key: one}, guests, place))
    return found


def packed(arrays: Sequence[Array]) -> bytes:
    """Arrays of any element type that a call takes as the bytes of a file."""
    kinds = [element_type(array) for array in arrays]
    plain = {f"a{n}": np.array(each, order="C").view(_plain(each)) for n, each in enumerate(arrays)}
    file = io.BytesIO()
    np.savez(file, **{_TYPES: np.array([kind.name for kind in kinds], dtype=str)}, **plain)  # type: ignore[arg-type]  # its own flag
    return file.getvalue()


def arguments(path: pathlib.Path) -> tuple[Array, ...]:
    """What ``packed`` has made a file of; raises OSError, ValueError and BadZipFile where it is damaged."""
    with np.load(path, allow_pickle=False) as file:
        return tuple(file[f"a{n}"].view(ELEMENT_TYPES[kind].dtype) for n, kind in enumerate(file[_TYPES]))


def _plain(array: Array) -> np.dtype[np.void]:
    """Unsigned integers of the same width: NumPy's files know no other types than its own."""
    return np.dtype(f"u{array.dtype.itemsize}" if array.dtype.itemsize <= np.dtype("u8").itemsize else array.dtype)
