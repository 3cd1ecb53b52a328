"""Runs the plain IREE tools by hand over the ONNX package's cases and sets their verdicts beside a report of ours.

``iree-import-onnx`` -> ``iree-compile`` -> ``iree-run-module --expected_output``, one console script after the
other and nothing of this project in between: an independent witness. Whatever it passes, our report must pass;
every difference is listed with both sides.

    python benchmarks/plain_tools.py --jobs 2 --report out/report/results.json --save out/plain.json
    python benchmarks/plain_tools.py --verdicts out/plain.json --report out/report/results.json
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import onnx
import onnx.backend.test
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

COMPILE_FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    "--iree-input-demote-f64-to-f32=false",
)
RUN_FLAGS = ("--device=local-task",)
TIMEOUT = 120

# ONNX element type -> the type name of iree-run-module. Its ABI knows signless integers only.
ELEMENT = {
    "FLOAT": "f32",
    "DOUBLE": "f64",
    "FLOAT16": "f16",
    "BFLOAT16": "bf16",
    "BOOL": "i1",
    "INT8": "i8",
    "UINT8": "i8",
    "INT16": "i16",
    "UINT16": "i16",
    "INT32": "i32",
    "UINT32": "i32",
    "INT64": "i64",
    "UINT64": "i64",
    "INT4": "i4",
    "UINT4": "i4",
    "FLOAT8E4M3FN": "f8E4M3FN",
    "FLOAT8E4M3FNUZ": "f8E4M3FNUZ",
    "FLOAT8E5M2": "f8E5M2",
    "FLOAT8E5M2FNUZ": "f8E5M2FNUZ",
}

Verdict = tuple[str, str]


def tool(name: str) -> str:
    """Path of a console script of this Python environment."""
    return str(pathlib.Path(sysconfig.get_path("scripts")) / name)


def write_node_cases(root: pathlib.Path) -> None:
    """Writes every generated node case as ``onnx/node/<case>/{model.onnx,test_data_set_0/*.pb}``."""

    def proto(value: Any) -> bytes:
        if value is None or isinstance(value, (list, dict)):
            return b""  # sequence, optional or map: no plain-tool form exists
        tensor = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(value)
        return bytes(tensor.SerializeToString())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in cases:
        data = root / "onnx" / "node" / case.name / "test_data_set_0"
        data.mkdir(parents=True)
        onnx.save(case.model, data.parent / "model.onnx")
        for side, values in zip(("input", "output"), case.data_sets[0], strict=True):
            for index, value in enumerate(values):
                (data / f"{side}_{index}.pb").write_bytes(proto(value))


def argument(pb: pathlib.Path, work: pathlib.Path) -> str:
    """One tensor as ``2x3xf32=@file.bin``; raises ValueError for what the tools cannot take."""
    tensor = onnx.TensorProto()
    tensor.ParseFromString(pb.read_bytes())
    name = onnx.TensorProto.DataType.Name(tensor.data_type)
    if name not in ELEMENT:
        raise ValueError(f"no iree-run-module type for {name}")
    raw = work / f"{pb.stem}.bin"
    if name in ("INT4", "UINT4"):
        raw.write_bytes(tensor.raw_data)
    else:
        raw.write_bytes(numpy_helper.to_array(tensor).tobytes())
    return "x".join([*(str(d) for d in tensor.dims), ELEMENT[name]]) + f"=@{raw}"


def call(argv: list[str], stage: str) -> Verdict | None:
    """Runs one tool; None when it succeeded."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return stage, f"no end within {TIMEOUT} s"
    if done.returncode == 0:
        return None
    text = (done.stdout if stage == "run" else "") + done.stderr
    lines = [line for line in text.splitlines() if re.search(r"error|Error|\[FAILED\]|;", line)]
    return stage, f"exit {done.returncode}: {lines[0][:200] if lines else text[-200:]}"


def by_hand(folder: pathlib.Path) -> Verdict:
    """``("pass", "")`` or the tool that failed and what it said."""
    data = folder / "test_data_set_0"
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        imported, module = str(work / "model.mlir"), str(work / "model.vmfb")
        failed = call([tool("iree-import-onnx"), str(folder / "model.onnx"), "-o", imported], "import")
        failed = failed or call([tool("iree-compile"), imported, "-o", module, *COMPILE_FLAGS], "compile")
        if failed:
            return failed
        order = lambda pb: int(pb.stem.rsplit("_", 1)[1])  # noqa: E731  a sort key
        try:
            inputs = [f"--input={argument(pb, work)}" for pb in sorted(data.glob("input_*.pb"), key=order)]
            expected = [f"--expected_output={argument(pb, work)}" for pb in sorted(data.glob("output_*.pb"), key=order)]
        except Exception as error:  # noqa: BLE001  whatever cannot be read is a fact about the case
            return "data", str(error)
        return call([tool("iree-run-module"), f"--module={module}", *RUN_FLAGS, *inputs, *expected], "run") or (
            "pass",
            "",
        )


def run_all(names: list[str], jobs: int) -> dict[str, Verdict]:
    """Verdicts of all cases, in parallel."""
    packaged = pathlib.Path(onnx.backend.test.__file__).parent / "data"
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_node_cases(root)
        folders = [root / n if n.startswith("onnx/node/") else packaged / n.removeprefix("onnx/") for n in names]
        with ThreadPoolExecutor(jobs) as pool:
            return dict(zip(names, pool.map(by_hand, folders), strict=True))


def compare(plain: dict[str, Verdict], report: dict[str, Any]) -> int:
    """Prints the cross table and every difference; 1 when the tools pass a case that we do not."""
    ours = {r["model"]: r for r in report["records"]}
    shared = sorted(set(plain) & set(ours))
    table = collections.Counter((plain[m][0], ours[m]["outcome"]) for m in shared)
    alone = f"{len(plain) - len(shared)} only by hand, {len(ours) - len(shared)} only by us"
    print(f"{len(shared)} cases judged by both ({alone})")
    for (theirs, mine), count in sorted(table.items()):
        print(f"  by hand {theirs:8} ours {mine:8} {count:6}")
    lost = [m for m in shared if plain[m][0] == "pass" and ours[m]["outcome"] != "PASS"]
    won = [m for m in shared if plain[m][0] != "pass" and ours[m]["outcome"] == "PASS"]
    for title, models in (("they pass, we do not", lost), ("we pass, they do not", won)):
        print(f"\n{title}: {len(models)}")
        for model in models:
            record = ours[model]
            said = record.get("error", {}).get("signature", record.get("skip_detail", ""))
            mine = f"{record['outcome']} {record['exit_status']} {said}"
            print(f"  {model}: by hand {' '.join(plain[model])[:160]} | ours {mine}")
    return 1 if lost else 0


def main() -> int:
    """Runs or loads the verdicts, then compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=pathlib.Path, required=True, help="our merged results.json")
    parser.add_argument("--verdicts", type=pathlib.Path, help="verdicts saved earlier, instead of running the tools")
    parser.add_argument("--save", type=pathlib.Path, help="save the verdicts here")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    report = json.loads(args.report.read_text())
    if args.verdicts:
        plain = {k: (v[0], v[1]) for k, v in json.loads(args.verdicts.read_text()).items()}
    else:
        began = time.perf_counter()
        names = sorted({r["model"] for r in report["records"] if r["outcome"] != "SKIP"})
        plain = run_all(names, args.jobs)
        print(f"by hand: {len(plain)} cases in {(time.perf_counter() - began) / 60:.1f} minutes, {args.jobs} at a time")
    if args.save:
        args.save.write_text(json.dumps(plain, indent=1) + "\n")
    return compare(plain, report)


if __name__ == "__main__":
    sys.exit(main())
