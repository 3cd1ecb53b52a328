"""A compiled module becomes a function that takes and returns arrays, in this process, on a device of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import iree.runtime as rt
import numpy as np

from runner.tensors import ELEMENT_TYPES, MLIR_TYPES, Array, ElementType, element_type, unpack

_H = rt.HalElementType
#: Signless integers stand first: they are what a module's boundary has, and what an input is given as.
_TYPES: tuple[tuple[Any, str], ...] = (
    (_H.BOOL_8, "bool"),
    (_H.INT_8, "int8"),
    (_H.INT_16, "int16"),
    (_H.INT_32, "int32"),
    (_H.INT_64, "int64"),
    (_H.SINT_8, "int8"),
    (_H.SINT_16, "int16"),
    (_H.SINT_32, "int32"),
    (_H.SINT_64, "int64"),
    (_H.UINT_8, "uint8"),
    (_H.UINT_16, "uint16"),
    (_H.UINT_32, "uint32"),
    (_H.UINT_64, "uint64"),
    (_H.FLOAT_16, "float16"),
    (_H.FLOAT_32, "float32"),
    (_H.FLOAT_64, "float64"),
    (_H.BFLOAT_16, "bfloat16"),
    (_H.COMPLEX_64, "complex64"),
    (_H.COMPLEX_128, "complex128"),
    (_H.FLOAT_8_E4M3_FN, "float8_e4m3fn"),
    (_H.FLOAT_8_E4M3_FNUZ, "float8_e4m3fnuz"),
    (_H.FLOAT_8_E5M2, "float8_e5m2"),
    (_H.FLOAT_8_E5M2_FNUZ, "float8_e5m2fnuz"),
    (_H.FLOAT_8_E8M0_FNU, "float8_e8m0fnu"),
    (_H.INT_4, "int4"),
)
#: What lies behind an input unless something else is wanted: NaN in types of floating point that have one so, else -1.
BEHIND = 0xFF
_LEAST_BEHIND, _MOST_BEHIND = 4096, 2**20  # bytes; as many as the input has, but for these
_HOST_VISIBLE, _MAPPABLE = int(rt.MemoryType.HOST_VISIBLE), int(rt.BufferUsage.MAPPING_SCOPED)
_TO_NUMPY: dict[int, ElementType] = {int(each): ELEMENT_TYPES[name] for each, name in _TYPES}
_TO_IREE: dict[str, Any] = {ELEMENT_TYPES[name].iree: each for each, name in reversed(_TYPES)}  # the first stays


class Session:
    """One device and one VM instance; a module stays loaded until another one is wanted."""

    def __init__(self, device: str) -> None:
        self._instance = rt.VmInstance()
        self._device = rt.get_device(device, cache=False)
        self._hal = rt.create_hal_module(self._instance, self._device)
        self._loaded: tuple[Any, Any] | None = None

    def load(self, module: bytes) -> None:
        """Load a module in place of the one before; raises what the runtime raises."""
        loaded = rt.VmModule.copy_buffer(self._instance, module)
        self._loaded = loaded, rt.VmContext(self._instance, [self._hal, loaded])

    def call(
        self, function: str, inputs: tuple[Array, ...], results: tuple[str, ...], behind: int = BEHIND
    ) -> tuple[Array, ...]:
        """Call a function of the loaded module; ``results`` are the declared MLIR element types.

        The memory behind each input is filled with the byte ``behind``: what reads there reads the same every time.
        The arrays are copies, and have the types that the module really gave. Raises what the runtime raises, and
        ValueError for a value that is no tensor of a known type.
        """
        if self._loaded is None:
            raise ValueError("no module is loaded")
        module, context = self._loaded
        filled = [_filled(each, behind) for each in inputs]  # not freed before the call, which would find it as its own
        given = rt.VmVariantList(len(inputs))
        for each, memory in zip(inputs, filled, strict=True):
            given.push_ref(self._view(each, memory))
        taken = rt.VmVariantList(max(1, len(results)))
        context.invoke(module.lookup_function(function), given, taken)
        if taken.size != len(results):
            raise ValueError(f"{taken.size} results, and {len(results)} are declared")
        views = (taken.get_as_object(number, rt.HalBufferView) for number in range(taken.size))
        return tuple(_array(view, self._bytes, declared) for view, declared in zip(views, results, strict=True))

    def _bytes(self, view: Any) -> bytes:
        """What a result holds; by way of a buffer of the host's where the device's own cannot be mapped."""
        buffer = view.get_buffer()
        mappable = (buffer.memory_type(), _HOST_VISIBLE), (buffer.allowed_usage(), _MAPPABLE)
        if all(has & wanted == wanted for has, wanted in mappable):
            return bytes(view.map())
        staging = self._device.allocator.allocate_buffer(
            memory_type=rt.MemoryType.HOST_LOCAL | rt.MemoryType.DEVICE_VISIBLE,
            allowed_usage=rt.BufferUsage.TRANSFER_TARGET | rt.BufferUsage.MAPPING_SCOPED,
            allocation_size=buffer.byte_length(),
        )
        copied = self._device.create_semaphore(0)
        fences = (rt.HalFence.create_at(copied, value) for value in (0, 1))
        self._device.queue_copy(buffer, staging, wait_semaphores=next(fences), signal_semaphores=next(fences))
        rt.HalFence.create_at(copied, 1).wait()
        return bytes(staging.map())

    def _view(self, array: Array, memory: Array) -> Any:
        kind = element_type(array)
        if kind.iree not in _TO_IREE or kind.packed:
            raise ValueError(f"an input of {kind.name} is not made in this process")
        buffer = self._device.allocator.allocate_buffer_copy(
            memory_type=rt.MemoryType.DEVICE_LOCAL,
            allowed_usage=rt.BufferUsage.DEFAULT | rt.BufferUsage.MAPPING,
            device=self._device,
            buffer=memory,
        )
        return rt.HalBufferView(buffer, array.shape, int(_TO_IREE[kind.iree]))


def _filled(array: Array, behind: int) -> Array:
    """The bytes of an array in C order, and as many more of the byte ``behind``, within bounds."""
    size = array.nbytes
    filled = np.empty(size + min(max(size, _LEAST_BEHIND), _MOST_BEHIND), dtype=np.uint8)
    np.copyto(filled[:size].view(array.dtype).reshape(array.shape), array)
    filled[size:] = behind
    return filled


def _array(view: Any, content: Callable[[Any], bytes], declared: str) -> Array:
    kind = _TO_NUMPY.get(int(view.element_type))
    if kind is None:
        raise ValueError(f"a result of element type {int(view.element_type):#x}")
    if kind.packed:
        kind = MLIR_TYPES.get(declared, kind)
    shape = tuple(int(size) for size in view.shape)
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.empty(shape, dtype=kind.dtype)
    size = (count * kind.bits + 7) // 8 if kind.packed else count * kind.dtype.itemsize
    return np.array(unpack(content(view)[:size], kind, shape))
