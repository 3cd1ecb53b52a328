"""The grammar of ``python -m runner``: what ``--help`` shows."""

from __future__ import annotations

import argparse
import pathlib

from runner.emit_forms import FILES
from runner.folder import Keep
from runner.overrides import OVERRIDES
from schemas.partial import Half

_EXAMPLES = """\
examples:
  python -m runner --shard presubmit/cpu                     every shard of a target, one after the other
  python -m runner --shard nightly-execute/cpu/3 --resume    go on with a shard that was cut off
  python -m runner --shard s/gpu/3 --half build              what needs no device, on a machine without one
  python -m runner --shard s/gpu/3 --half device             the rest of it, on the device
  python -m runner onnx/node/test_abs --target cpu           one model, no matrix
  python -m runner torch/mine --target cpu                   a model file that no suite names yet
  python -m runner tests/clip_quality_cpu.json --target cpu    a definition of another suite that no manifest names
  python -m runner torch/mine --target cpu --path onnx --mode train --opt-level O3 --save-ir
  python -m runner torch/mine --target cpu --depth import --emit onnx,torch-mlir,linalg,stablehlo
  python -m runner 'onnx/node/test_softmax*' --target cpu --depth compile --keep all
  python -m runner torch/mine --target cpu --depth execute-op-by-op          each operation alone
  python -m runner torch/mine --target cpu --depth execute-op-by-op --op 12  one of them, anew
  python -m runner out/s/cpu/0/bundles/onnx/abs__onnx        go on from a kept bundle, wherever it lies now
  python -m runner BUNDLE --from compiled_inference          with the bundle's compiled module: no compiler is needed

exit codes: 0 all as expected, 1 unexpected outcomes, 2 bad manifest or usage, 3 stale matrix or journal,
            4 nothing could start, 70 a bug of the runner, 130 interrupted
"""
_LOG_LEVELS = ("debug", "info", "warning", "error")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all options."""
    parser = argparse.ArgumentParser(
        prog="python -m runner",
        description="Run one shard, single models, or kept bundles, and leave one record a case.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_what(parser.add_argument_group("what to run"))
    _add_where(parser.add_argument_group("where things lie"))
    _add_how(parser.add_argument_group("how to run"))
    _add_overrides(
        parser.add_argument_group(
            "what to set instead of the suites",
            "Each may also come from the environment: E2ESHARD_OPT_LEVEL=O3 (docs/overrides.md).",
        )
    )
    return parser


def _add_what(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "names",
        nargs="*",
        metavar="CASE-OR-MODEL | BUNDLE",
        help="case ids, case keys, model names or globs; files or folders of torch_models or sharktank definitions; or "
        "folders with a bundle.json",
    )
    group.add_argument(
        "--shard", metavar="SUITE/TARGET[/N]", help="a shard of the suite's matrix; without /N all of them"
    )
    group.add_argument(
        "--half",
        choices=["", *Half],
        default="",
        help="of a shard whose target names another one to build on: `build` what needs no device, and hand it over; "
        "on the `device`, run what was handed over (default: all of it here)",
    )
    group.add_argument("--target", metavar="TARGET", help="where to run CASE-OR-MODEL")
    group.add_argument(
        "--suite",
        metavar="SUITE",
        help="which suite's settings CASE-OR-MODEL has (default: the first that names it; `adhoc`: none)",
    )
    group.add_argument("--tests", metavar="REGEX", default="", help="only cases whose id matches (anywhere in it)")
    group.add_argument(
        "-m",
        "--markers",
        metavar="EXPR",
        default="",
        help='only cases whose tags fit: "hip and not benchmark", with and, or, not and brackets',
    )
    group.add_argument("--path", metavar="PATH", default="", help="torch-mlir, onnx or ort-ep; with CASE-OR-MODEL")
    group.add_argument("--mode", metavar="MODE", default="", help="eval or train; with CASE-OR-MODEL")
    group.add_argument("--lowering", metavar="L", default="", help="torch, linalg or stablehlo; with CASE-OR-MODEL")
    group.add_argument("--stages", metavar="A,B", default="", help="only these stages")
    group.add_argument("--skip-stages", metavar="A,B", default="", help="all stages but these")
    group.add_argument(
        "--from", dest="from_stage", metavar="STAGE", default="", help="with BUNDLE: this stage and all after it"
    )
    group.add_argument(
        "--accept-changes",
        action="store_true",
        help="with BUNDLE: take its files as they are now, and write their hashes into its bundle.json",
    )
    group.add_argument(
        "--emit",
        metavar="A,B",
        default="",
        help=f"also write each model as {', '.join(FILES)}, beside the records in emit/; with CASE-OR-MODEL",
    )
    group.add_argument(
        "--op",
        metavar="INDEX|KEY",
        help="op by op, only this operation, and anew: its index, the beginning of its digest, or a name; "
        "with CASE-OR-MODEL",
    )
    group.add_argument("--profile-ops", action="store_true", help="op by op, also measure how long each one takes")
    group.add_argument("--load-inputs", action="store_true", help="take inputs and golden from the model's stored data")
    group.add_argument("--collect-only", action="store_true", help="print the case ids and stop")


def _add_where(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--suites", metavar="DIR", type=pathlib.Path, default=pathlib.Path("suites"), help="(default: suites)"
    )
    group.add_argument(
        "--root", metavar="DIR", type=pathlib.Path, default=pathlib.Path(), help="folder of .github (default: .)"
    )
    group.add_argument("--out", metavar="DIR", type=pathlib.Path, default=pathlib.Path("out"), help="(default: out)")
    group.add_argument(
        "--handover",
        metavar="DIR",
        type=pathlib.Path,
        default=pathlib.Path("handover"),
        help="with --half: where built cases are handed over (default: handover)",
    )
    group.add_argument("--compiler", metavar="DIR", help="a compiler's build or installation, instead of the package's")
    group.add_argument(
        "--keep", choices=[str(k) for k in Keep], help="whose bundles to keep (default: failed; with BUNDLE: none)"
    )
    group.add_argument(
        "--cleanup",
        metavar="LEVEL",
        default="",
        help="what is removed of a kept case: 0 nothing, 1 large (files above --bundle-limit; the default), 2 modules "
        "(those too), 3 artefacts (all but logs), 4 everything",
    )
    group.add_argument(
        "--bundle-limit", metavar="SIZE", default="", help="of one file in a bundle, such as 2GiB (default: 500MiB)"
    )


def _add_how(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--jobs", type=int, metavar="N", help="cases at a time (default: the target's, else one a core)")
    group.add_argument(
        "--engine",
        choices=("auto", "solo"),
        default="auto",
        help="auto: small cases share a process and a compilation, and what does not pass so is run alone; "
        "solo: each case alone (default: auto)",
    )
    group.add_argument("--resume", action="store_true", help="keep the records of a run that was cut off")
    group.add_argument(
        "--no-rerun", dest="rerun", action="store_false", help="do not run unexpected failures a second time, alone"
    )
    group.add_argument(
        "--force-recompile",
        nargs="?",
        const="true",
        default="false",
        metavar="BOOL",
        help="make or download models again",
    )
    group.add_argument("--timeout", metavar="T", help="of each case: 90s, 10m; instead of the manifest's")
    group.add_argument(
        "--timeout-scale", type=float, default=1.0, metavar="X", help="multiply every timeout, of stages too"
    )
    group.add_argument("--durations", type=int, default=0, metavar="N", help="print the N slowest cases at the end")
    group.add_argument("--log-level", choices=_LOG_LEVELS, default="warning", help="(default: warning)")


def _add_overrides(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--overrides",
        metavar="TEXT",
        default="",
        help="several of them but the depth, as a workflow hands them on: 'opt-level=O3 save-ir=true'; as strong as "
        "the environment, and before it",
    )
    for name, row in OVERRIDES.items():
        if row.switch:
            group.add_argument(row.option, dest=name, nargs="?", const="true", metavar=row.takes, help=row.doc)
        else:
            group.add_argument(row.option, dest=name, metavar=row.takes, help=row.doc)
