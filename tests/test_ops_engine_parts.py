"""The parts of the engine that need no process: journal, store, ladder, choice, and what a process' story comes to."""

from __future__ import annotations

import pathlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.failures import StageFailure
from runner.ops import backend_of, keys, ladder, results
from runner.ops.alone import Wish
from runner.ops.chosen import Chosen
from runner.ops.isolation import Ended
from runner.ops.journal import OpJournal, read
from runner.ops.messages import Begun, Done, Last, Message
from runner.ops.profile import shares
from runner.ops.store import OpStore, Stored, fitting, identity_of
from runner.ops.totals import Tally, totals_of
from runner.store import Store
from schemas.case import Case, Checks, Tolerance
from schemas.errors import UsageError
from schemas.ops import OpKey, OpProfile, OpResult, OpStep, OpUse, TensorType
from schemas.opwords import OpBackend, OpSkip, OpStatus
from schemas.record import ErrorInfo, OutputComparison, Provenance, Tool
from schemas.words import Lowering, Path, StageStatus
from tests.stages_support.cases import CPU, HOST_CPU, VMVX, a_case

KEY = OpKey(backend=OpBackend.ONNX, name="onnx.Abs", operands=(TensorType("float32", (4,)), None))
DIGEST = keys.digest_of(KEY)
FULL = Wish(executes=True, verifies=True, profiles=False)
COMPILE = Wish(executes=False, verifies=True, profiles=False)
BLIND = Wish(executes=True, verifies=False, profiles=False)
CLEAN = Ended(exit_code=0, signal=None, reason="", detail="", seconds=2.0, lines=())


def result(status: OpStatus = OpStatus.EXECUTED, *, max_abs: float = 0.01, **more: object) -> OpResult:
    compared = OutputComparison(
        output="y0", dtype="float32", shape=(4,), passed=True, max_abs=max_abs, pcc=0.999, total=4, relative_atol=0.1
    )
    executed = {"verified": True, "comparisons": (compared,)} if status is OpStatus.EXECUTED else {}
    made = OpResult(digest=DIGEST, key=KEY, target="cpu", compiler="c", status=status)
    return msgspec.structs.replace(made, **(executed | more))


def use(index: int, digest: str = DIGEST, skip: OpSkip | None = None) -> OpUse:
    return OpUse(
        case="c", model="m", group="", backend=OpBackend.ONNX, index=index, name="onnx.Abs", digest=digest, skip=skip
    )


def test_keys_tell_operations_apart_by_all_that_matters() -> None:
    zero, one = np.array([0], dtype=np.int64), np.array([1], dtype=np.int64)
    different = [
        KEY,
        msgspec.structs.replace(KEY, name="onnx.Neg"),
        msgspec.structs.replace(KEY, operands=(TensorType("float16", (4,)), None)),
        msgspec.structs.replace(KEY, operands=(TensorType("float32", (4, 1)), None)),
        msgspec.structs.replace(KEY, operands=(TensorType("float32", (4,)),)),
        msgspec.structs.replace(KEY, attributes=(("axis", "0"),)),
        msgspec.structs.replace(KEY, constants=(keys.constant(1, zero),)),
        msgspec.structs.replace(KEY, constants=(keys.constant(1, one),)),
        msgspec.structs.replace(KEY, constants=(keys.constant(0, one),)),
        msgspec.structs.replace(KEY, version="13"),
        msgspec.structs.replace(KEY, backend=OpBackend.STABLEHLO),
    ]
    assert len({keys.digest_of(each) for each in different}) == len(different)
    assert keys.constant(1, one) == keys.constant(1, np.array([1], dtype=np.int64))
    assert keys.type_of(np.zeros((2, 3), dtype=np.float16)) == TensorType("float16", (2, 3))


@pytest.mark.parametrize(
    ("phases", "said", "rung"),
    [
        ((), "error: failed to legalize operation 'torch.operator': onnx.Foo", OpStatus.TORCH_IR),
        ((), "error: failed to legalize operation 'torch.aten.cumsum' that was", OpStatus.TORCH_BACKEND_IR),
        ((), "error: failed to legalize operation 'torch.constant.int'", OpStatus.TORCH_BACKEND_IR),
        ((), "error: failed to legalize operation 'stablehlo.foo'", OpStatus.TORCH_BACKEND_IR),
        ((), "error: unsupported by backend contract: torch op 'torch.aten.x'", OpStatus.TORCH_IR),
        ((), "Stack dump", OpStatus.TORCH_IR),
        (("1.input",), "anything", OpStatus.LINALG_OR_STABLEHLO),
        (("1.input", "2.abi", "5.dispatch-creation"), "", OpStatus.LINALG_OR_STABLEHLO),
        (("1.input", "6.flow"), "", OpStatus.DISPATCHES),
        (("1.input", "6.flow", "11.hal"), "", OpStatus.DISPATCHES),
    ],
)
def test_the_rung_is_read_from_the_compilers_own_leavings(
    tmp_path: pathlib.Path, phases: tuple[str, ...], said: str, rung: OpStatus
) -> None:
    folder = tmp_path / "ir"
    if phases:
        folder.mkdir()
    for phase in phases:
        (folder / f"model.{phase}.mlir").write_text("module {}")
    assert ladder.rung_of(folder, said) is rung


def done(name: str, reached: OpStatus, status: StageStatus = StageStatus.PASS) -> Done:
    error = None if status is StageStatus.PASS else ErrorInfo(signature="why", excerpt="why it is")
    return Done(step=OpStep(name=name, status=status, seconds=0.5), reached=reached, error=error)


def lines(*messages: Message) -> list[bytes]:
    return [msgspec.json.encode(each) for each in messages]


ALL = (
    Begun("import"), done("import", OpStatus.TORCH_IR), Begun("compile"), done("compile", OpStatus.COMPILED),
    Begun("run"), done("run", OpStatus.EXECUTED), Begun("verify"), done("verify", OpStatus.EXECUTED), Last(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("count", "status", "outcome", "stopped"),
    [
        (0, OpStatus.CREATED_GRAPH, StageStatus.CRASH, "import"),
        (1, OpStatus.CREATED_GRAPH, StageStatus.CRASH, "import"),
        (3, OpStatus.TORCH_IR, StageStatus.CRASH, "compile"),
        (5, OpStatus.COMPILED, StageStatus.CRASH, "run"),
        (7, OpStatus.EXECUTED, StageStatus.CRASH, "verify"),
        (8, OpStatus.EXECUTED, StageStatus.CRASH, "verify"),
        (9, OpStatus.EXECUTED, StageStatus.PASS, ""),
    ],
)
def test_a_process_without_a_last_word_has_crashed(
    tmp_path: pathlib.Path, count: int, status: OpStatus, outcome: StageStatus, stopped: str
) -> None:
    start = results.blank(KEY, DIGEST, (), "cpu", "c")
    found = results.result_of(start, results.read(lines(*ALL[:count])), CLEAN, tmp_path)
    assert (found.status, found.outcome, found.stopped) == (status, outcome, stopped)
    assert (found.error is None) == (outcome is StageStatus.PASS)
    if found.error is not None:
        assert found.error.signature == f"exited 0 without a result in {stopped}"


def test_a_failed_step_is_the_result_whatever_comes_after(tmp_path: pathlib.Path) -> None:
    told = lines(
        Begun("import"), done("import", OpStatus.TORCH_IR), done("compile", OpStatus.DISPATCHES, StageStatus.FAIL)
    )
    killed = msgspec.structs.replace(CLEAN, exit_code=None, signal=9, reason="memory-limit", detail="held much")
    start = results.blank(KEY, DIGEST, (), "cpu", "c")
    found = results.result_of(start, results.read([*told, b"{"]), killed, tmp_path)
    assert (found.status, found.outcome, found.stopped) == (OpStatus.DISPATCHES, StageStatus.FAIL, "compile")
    cut = results.result_of(start, results.read(told[:2]), killed, tmp_path)
    assert (cut.outcome, cut.error) == (
        StageStatus.OOM,
        ErrorInfo(signature="out of memory in import", excerpt="held much"),
    )


@given(st.integers(0, 400))
def test_a_journal_cut_anywhere_goes_on_without_loss(cut: int) -> None:
    import tempfile  # noqa: PLC0415 - hypothesis runs many examples in one tmp_path

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "deep" / "c.jsonl"
        journal = OpJournal(path)
        journal.start("c", DIGEST)
        journal.result(result())
        journal.use(use(0))
        journal.use(use(0))
        journal.use(use(1, "", OpSkip.CONSTANT))
        journal.close()
        whole = path.read_bytes()
        assert len(list(read(path))) == 4
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        again = OpJournal(path)
        assert again.begun(DIGEST) == min(kept, 1)
        assert list(again.results) == ([DIGEST] if kept > 1 else [])
        again.use(use(0))
        again.close()
        assert len(list(read(path))) == (kept if kept > 2 else kept + 1)
        assert path.read_bytes().endswith(b"\n")


def stored(made: OpResult, wish: Wish = FULL, tolerance: Tolerance | None = None) -> Stored:
    return Stored(
        result=made,
        executes=wish.executes,
        verifies=wish.verifies,
        tolerance=tolerance or Tolerance(),
        checks=Checks(),
    )


FAILED = {"outcome": StageStatus.FAIL, "stopped": "compile", "error": ErrorInfo(signature="why")}
WRONG = {"outcome": StageStatus.FAIL, "stopped": "verify", "verified": False, "error": ErrorInfo(signature="values")}


def test_a_stored_result_serves_whoever_asks_for_no_more() -> None:
    case = a_case()
    assert fitting(stored(result()), case, FULL) == result()
    compiled = fitting(stored(result(**WRONG)), case, COMPILE)
    assert compiled is not None
    assert (compiled.status, compiled.outcome, compiled.verified) == (OpStatus.COMPILED, StageStatus.PASS, None)
    failed = result(OpStatus.TORCH_IR, **FAILED)
    assert fitting(stored(failed, COMPILE), case, FULL) == failed
    assert fitting(stored(result(OpStatus.COMPILED), COMPILE), case, FULL) is None
    assert fitting(stored(result(OpStatus.COMPILED)), case, FULL) == result(OpStatus.COMPILED), "there is no golden"
    assert fitting(stored(result(verified=None), BLIND), case, FULL) is None
    blind = fitting(stored(result(**WRONG)), case, BLIND)
    assert blind is not None
    assert (blind.verified, blind.comparisons, blind.outcome) == (None, (), StageStatus.PASS)
    profiles = Wish(executes=True, verifies=True, profiles=True)
    assert fitting(stored(result()), case, profiles) is None
    assert fitting(stored(result(profile=OpProfile(0.1, 5))), case, profiles) is not None


@pytest.mark.parametrize(
    ("tolerance", "serves"),
    [
        (Tolerance(atol=0.1), True),
        (Tolerance(atol=0.1, pcc=0.99), True),
        (Tolerance(atol=0.1, pcc=0.9999), False),
        (Tolerance(atol=0.001), False),
        (Tolerance(relative_atol=0.2), True),
        (Tolerance(relative_atol=0.05), False),
    ],
)
def test_another_tolerance_takes_over_what_the_figures_prove(tolerance: Tolerance, *, serves: bool) -> None:
    case = a_case(tolerance=tolerance)
    assert (fitting(stored(result(), tolerance=Tolerance(atol=1.0)), case, FULL) is not None) is serves
    wrong = stored(result(**WRONG), tolerance=Tolerance(atol=0.0))
    assert fitting(wrong, case, FULL) is None, "what was wrong has to be judged again"


def test_crashes_and_the_like_are_for_one_run_alone(tmp_path: pathlib.Path) -> None:
    for run, again in (("a", "a"), ("a", "b")):
        for outcome in StageStatus:
            root = tmp_path / run / again / outcome
            first = OpStore(Store(root / "store"), root / run, "i", a_case(), FULL)
            ending = {} if outcome is StageStatus.PASS else {**FAILED, "outcome": outcome}
            first.keep(result(OpStatus.TORCH_IR if ending else OpStatus.EXECUTED, **ending))
            second = OpStore(Store(root / "store"), root / again, "i", a_case(), FULL)
            with second.claimed(DIGEST):
                found = second.find(DIGEST)
            shared = outcome in (StageStatus.PASS, StageStatus.FAIL)
            assert (found is not None) == (run == again or shared), (run, again, outcome)
            assert found is None or found.reused
            assert OpStore(Store(root / "store"), root / run, "j", a_case(), FULL).find(DIGEST) is None


def test_a_store_that_cannot_be_written_shares_nothing_and_hinders_nobody(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = OpStore(Store(tmp_path / "file"), tmp_path / "file" / "run", "i", a_case(), FULL)
    with store.claimed(DIGEST):
        store.keep(result())
        assert store.find(DIGEST) is None
    assert store.trouble


def test_the_identity_holds_all_that_a_result_depends_on() -> None:
    def made(library: str = "a", features: tuple[str, ...] = ("avx",)) -> Provenance:
        tools = (Tool(name="iree-compile", version="1", sha256=library), Tool(name="e2eshard", version="1"))
        return msgspec.structs.replace(
            Provenance(tools=tools), host=msgspec.structs.replace(Provenance().host, features=features)
        )

    generic = a_case(compile_flags=())
    different = [
        identity_of(a_case(), CPU, made()),
        identity_of(a_case(), CPU, made("b")),
        identity_of(a_case(), CPU, made(features=("sse",))),
        identity_of(a_case(), VMVX, made()),
        identity_of(a_case(compile_flags=(HOST_CPU, "--iree-opt-level=O3")), CPU, made()),
        identity_of(a_case(run_flags=("--x",)), CPU, made()),
        identity_of(a_case(import_flags=("--x",)), CPU, made()),
        identity_of(a_case(lowering=Lowering.LINALG), CPU, made()),
        identity_of(generic, CPU, made()),
    ]
    assert len(set(different)) == len(different)
    assert identity_of(generic, CPU, made()) == identity_of(generic, CPU, made(features=("sse",)))
    other = a_case(tolerance=Tolerance(atol=1), model="other", id="s/cpu/other@onnx")
    assert identity_of(other, CPU, made()) == identity_of(a_case(), CPU, made())


def test_totals_count_uses(tmp_path: pathlib.Path) -> None:
    journal = OpJournal(tmp_path / "c.jsonl")
    tally = Tally(OpBackend.ONNX)
    other = msgspec.structs.replace(result(OpStatus.TORCH_IR, **FAILED), digest="f" * 64, reused=True)
    for index, found in enumerate([result(), result(), other]):
        tally.use(found)
        journal.result(found)
        journal.use(use(index, found.digest))
    tally.skip()
    journal.use(use(3, "", OpSkip.RANDOM))
    journal.close()
    totals = tally.totals(0.0)
    assert (totals.uses, totals.unique, totals.skipped, totals.reused) == (3, 2, 1, 1)
    assert totals.by_status == (0, 0, 1, 0, 0, 0, 0, 2)
    assert (totals.verified, totals.compared, totals.unknown_errors) == (2, 2, 1), "a failure without an excerpt"
    assert totals_of(tmp_path / "c.jsonl") == totals
    assert totals_of(tmp_path / "none.jsonl") is None


def test_a_choice_is_an_index_a_digest_or_a_name() -> None:
    for text, meant in (("3", [3]), (DIGEST[:6], [3]), ("onnx.Neg", [1, 2]), (DIGEST[:5] + "x", [])):
        chosen = Chosen(text)
        places = [(0, "onnx.Abs", "a" * 64), (1, "onnx.Neg", "b" * 64), (2, "onnx.Neg", ""), (3, "onnx.Abs", DIGEST)]
        assert [place[0] for place in places if chosen.takes(*place)] == meant, text
        if meant:
            chosen.check()
        else:
            with pytest.raises(StageFailure, match="the model has no such operation"):
                chosen.check()


def test_shares_are_of_all_uses() -> None:
    total, largest = shares([("a", 3, OpProfile(1.0, 1)), ("b", 1, OpProfile(1.0, 1)), ("a", 1, OpProfile(4.0, 1))])
    assert total == 8.0
    assert largest == "a 88 %, b 12 %"
    assert shares([]) == (0.0, "")


@pytest.mark.parametrize(
    ("path", "lowering", "backend"),
    [
        (Path.TORCH_MLIR, Lowering.TORCH, OpBackend.TORCH),
        (Path.TORCH_MLIR, Lowering.LINALG, OpBackend.TORCH),
        (Path.ONNX, Lowering.TORCH, OpBackend.ONNX),
        (Path.ONNX, Lowering.STABLEHLO, OpBackend.STABLEHLO),
        (Path.TORCH_MLIR, Lowering.STABLEHLO, OpBackend.STABLEHLO),
        (Path.DIRECT, Lowering.TORCH, OpBackend.STABLEHLO),
    ],
)
def test_where_operations_come_from(path: Path, lowering: Lowering, backend: OpBackend) -> None:
    assert backend_of(a_case(path=path, lowering=lowering)) is backend


def test_onnx_runtimes_provider_has_no_operations() -> None:
    case: Case = a_case(path=Path.ORT_EP)
    with pytest.raises(UsageError, match="ort-ep cannot go op by op"):
        backend_of(case)
