"""The installed onnx package turned into `catalog/onnx.json`: names, tags and skip reasons of all its cases.

    python -m suites.catalog.build            write the file
    python -m suites.catalog.build --check    exit 3 when it is stale

The only module of this room that imports onnx.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from schemas.errors import Exit
from suites.catalog import BUILD_COMMAND, Catalog, CatalogEntry, encode
from suites.catalog.facts import domain_of, dtypes_of, nodes_of, skip_of

DISK_FOLDERS = ("simple", "pytorch-operator", "pytorch-converted")
_FILE = Path(__file__).with_name("onnx.json")
_EXPANDED = re.compile(r"_expanded(_ver\d+)?$")
_DIFF_LINES = 40


def build() -> Catalog:
    """The catalogue of the installed onnx package; takes some seconds."""
    entries = [*_node_entries(), *(e for folder in DISK_FOLDERS for e in _disk_entries(folder))]
    return Catalog(onnx=onnx.__version__, cases=tuple(sorted(entries, key=lambda entry: entry.name)))


def _node_entries() -> list[CatalogEntry]:
    # Imported here: making 1,884 models in memory is what costs seconds.
    from onnx.backend.test.case.node import collect_testcases  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases overflow and divide by zero on purpose
        cases = collect_testcases(None)
    heads: dict[str, Any] = {case.name: _graph(case).node[0] for case in cases}
    return [_node_entry(case, heads.get(_EXPANDED.sub("", case.name))) for case in cases]


def _graph(case: Any) -> Any:
    return case.model.graph


def _node_entry(case: Any, head: Any) -> CatalogEntry:
    """`head` is the node under test: an expanded case takes the operator of the case it was expanded from."""
    head = head if head is not None else _graph(case).node[0]
    names = [value.name for value in _graph(case).input]
    inputs = dict(zip(names, case.data_sets[0][0], strict=False))
    tags = [head.op_type.lower(), domain_of(head), *dtypes_of(case.model)]
    if _EXPANDED.search(case.name):
        tags.append("expanded")
    return _entry(f"onnx/node/{case.name}", tags, case.model, inputs)


def _disk_entries(folder: str) -> list[CatalogEntry]:
    root = Path(onnx.__file__).parent / "backend" / "test" / "data" / folder
    return [_disk_entry(f"onnx/{folder}/{path.name}", path) for path in sorted(root.iterdir()) if path.is_dir()]


def _disk_entry(name: str, path: Path) -> CatalogEntry:
    model = onnx.load(path / "model.onnx")
    nodes = list(nodes_of(model))
    tags = [*sorted({n.op_type.lower() for n in nodes}), *sorted({domain_of(n) for n in nodes}), *dtypes_of(model)]
    return _entry(name, tags, model, _stored_inputs(path, model))


def _stored_inputs(path: Path, model: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for index, value in enumerate(model.graph.input):
        file = path / "test_data_set_0" / f"input_{index}.pb"
        if file.is_file() and value.type.WhichOneof("value") == "tensor_type":
            values[value.name] = numpy_helper.to_array(onnx.load_tensor(file))
    return values


def _entry(name: str, tags: Iterable[str], model: Any, inputs: dict[str, Any]) -> CatalogEntry:
    skip = skip_of(model, inputs)
    unique = tuple(dict.fromkeys(tags))
    if skip is None:
        return CatalogEntry(name=name, tags=unique)
    return CatalogEntry(name=name, tags=unique, skip=skip.reason, detail=skip.detail)


def main(argv: list[str] | None = None) -> int:
    """Write or check the committed catalogue; the return value is the exit code."""
    parser = argparse.ArgumentParser(
        prog=BUILD_COMMAND,
        description="List the cases of the installed onnx package.",
        epilog=f"{BUILD_COMMAND} --check",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 3 with a diff when the file is stale")
    wanted = encode(build())
    if not parser.parse_args(argv).check:
        _FILE.write_bytes(wanted)
        print(f"wrote {_FILE.name}")
        return Exit.OK
    found = _FILE.read_bytes() if _FILE.is_file() else b""
    if found == wanted:
        return Exit.OK
    diff = difflib.unified_diff(found.decode().splitlines(), wanted.decode().splitlines(), "committed", "built", n=0)
    print("\n".join(list(diff)[:_DIFF_LINES]))
    print(f"the catalogue is stale\n    mend: {BUILD_COMMAND}", file=sys.stderr)
    return Exit.STALE


if __name__ == "__main__":
    sys.exit(main())
