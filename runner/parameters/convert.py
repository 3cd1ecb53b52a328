"""A file of weights becomes one that the runtime can read: itself, or an archive made of it."""

from __future__ import annotations

import hashlib
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from runner.cache.hashes import hash_of
from runner.cache.room import Room
from runner.parameters import archive
from runner.parameters.provide import stored
from runner.store import Store
from schemas.errors import Finding, Location, ManifestError

#: What iree-run-module's --parameters reads by itself.
READABLE = (".irpa", ".safetensors", ".gguf")
_FORMAT = 1
_PORTION = 1 << 22  # bytes

Tensors = Mapping[str, Callable[[], Any]]


def readable(path: pathlib.Path, where: Location, store: Store, room: Room) -> pathlib.Path:
    """``path`` if the runtime can read its format, else an archive of the store with the same tensors.

    ``where`` the file is named. Raises ManifestError for a format that neither the runtime nor a library here can
    read, and for a file that is damaged; InfraError where the archive cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix in READABLE:
        return path
    reader = READERS.get(suffix)
    if reader is None:
        known = ", ".join((*READABLE, *READERS))
        raise _error(where, f"{path.name}: a parameter file with the ending {suffix!r}", f"give one of {known}")
    key = hashlib.sha256(f"{_FORMAT}:{suffix}:{path.stem}:{hash_of(path, store.root)}".encode()).hexdigest()

    def write(target: pathlib.Path) -> str:
        try:
            tensors = reader(path)
        except ModuleNotFoundError as error:
            raise _error(
                where,
                f"{path.name} can only be read with PyTorch, which is not installed: {error}",
                "make install EXTRAS=torch, or convert the file to .safetensors or .irpa",
            ) from error
        except Exception as error:
            said = f"{path.name} cannot be read: {type(error).__name__}: {error}".splitlines()[0]
            raise _error(where, said, "give a file of named tensors, in .safetensors or .irpa best of all") from error
        return archive.write_archive(target, [_entry(name, load) for name, load in sorted(tensors.items())])

    return stored(key, write, store, room)


def _error(where: Location, message: str, remedy: str) -> ManifestError:
    return ManifestError((Finding(where, message, remedy),))


def _entry(name: str, load: Callable[[], Any]) -> archive.Data:
    data = load()
    return archive.Data(name, data.nbytes, _blocks(data))


def _blocks(data: Any) -> Iterator[bytes]:
    flat = data.reshape(-1).view(np.uint8)
    for start in range(0, flat.size, _PORTION):
        yield flat[start : start + _PORTION].tobytes()


def _numpy_archive(path: pathlib.Path) -> Tensors:
    with np.load(path, allow_pickle=False) as found:
        return {name: _given(_plain(found[name])) for name in found.files}


def _numpy_array(path: pathlib.Path) -> Tensors:
    """One tensor, under the file's name without its ending; mapped, not read."""
    return {path.stem: _given(_plain(np.load(path, allow_pickle=False, mmap_mode="r")))}


def _plain(value: Any) -> Any:
    if value.dtype.hasobject:
        msg = "Python objects are no weights"
        raise ValueError(msg)
    return np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C")


def _torch(path: pathlib.Path) -> Tensors:
    """A state dict, or one under ``state_dict`` or ``model``; nothing in the file is run."""
    import torch  # noqa: PLC0415 - an extra

    mapped = zipfile.is_zipfile(path)
    loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    for name in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
    if not isinstance(loaded, dict) or not loaded:
        msg = f"it holds a {type(loaded).__name__}, not tensors by name"
        raise TypeError(msg)
    strange = [str(name) for name, each in loaded.items() if not isinstance(each, torch.Tensor)]
    if strange:
        msg = f"{', '.join(strange[:3])} {'are' if len(strange) > 1 else 'is'} no tensor"
        raise TypeError(msg)
    return {str(name): _given(_bytes_of(torch, each)) for name, each in loaded.items()}


def _bytes_of(torch: Any, tensor: Any) -> Any:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()


def _given(data: Any) -> Callable[[], Any]:
    return lambda: data


READERS: dict[str, Callable[[pathlib.Path], Tensors]] = {
    ".npy": _numpy_array,
    ".npz": _numpy_archive,
    ".pt": _torch,
    ".pth": _torch,
}
