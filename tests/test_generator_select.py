"""A dispatched run: only what is chosen starts, the selection says so, and a wish that cannot be met is explained."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import cli, select
from generator.jobs import shard_jobs
from generator.select import Wishes
from schemas import codec
from schemas.errors import ManifestError, UsageError
from schemas.matrix import Matrix, MatrixSource, Selection, ShardPlan, TargetPlan


def plan(name: str, shards: list[list[str]], *, hosted: bool = True) -> TargetPlan:
    return TargetPlan(
        target=name,
        digest="0" * 64,
        runs_on=("ubuntu-24.04",) if hosted else ("self-hosted", name),
        timeout_minutes=60,
        hosted=hosted,
        shards=tuple(ShardPlan(shard=n, minutes=1.5, cases=tuple(keys)) for n, keys in enumerate(shards)),
    )


def matrix(*plans: TargetPlan) -> Matrix:
    return Matrix(suite="nightly", depth="execute", source=MatrixSource("suites/nightly.yaml", "0" * 64), targets=plans)


ABS, ADD, RELU = (f"onnx/node/test_{name}@onnx" for name in ("abs", "add", "relu"))
CPU = plan("cpu", [[ABS, ADD], [RELU]])
GPU = plan("gpu", [[ABS], [ADD, RELU]], hosted=False)
NIGHTLY = matrix(CPU, GPU)


def test_no_wishes_start_everything() -> None:
    chosen = select.select(NIGHTLY, Wishes())
    assert not chosen.partial
    assert chosen.targets == ("cpu", "gpu")
    assert select.outputs(NIGHTLY, chosen) == {
        "cpu": '[{"shard":0},{"shard":1}]',
        "gpu": '[{"shard":0},{"shard":1}]',
    }


def test_only_shards_with_a_chosen_case_start() -> None:
    chosen = select.select(NIGHTLY, Wishes(tests="relu@"))
    assert chosen.partial
    assert [(shard.target, shard.shard, shard.cases) for shard in chosen.shards] == [
        ("cpu", 1, (RELU,)),
        ("gpu", 1, (RELU,)),
    ]


def test_the_expression_sees_whole_ids() -> None:
    chosen = select.select(NIGHTLY, Wishes(tests="^nightly/gpu/onnx/node/test_abs@onnx$"))
    assert select.outputs(NIGHTLY, chosen) == {"cpu": "[]", "gpu": '[{"shard":0}]'}


def test_whole_shards_of_a_part_of_the_targets_are_partial() -> None:
    chosen = select.select(NIGHTLY, Wishes(targets=("gpu",)))
    assert chosen.partial
    assert chosen.targets == ("gpu",)


def test_an_expression_that_matches_everything_is_not_partial() -> None:
    assert not select.select(NIGHTLY, Wishes(tests="onnx/node/")).partial


def test_a_pull_request_uses_hosted_machines_only() -> None:
    chosen = select.select(NIGHTLY, Wishes(hosted_only=True))
    assert chosen.partial
    assert select.outputs(NIGHTLY, chosen)["gpu"] == "[]"
    assert not select.select(matrix(CPU), Wishes(hosted_only=True)).partial


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (Wishes(targets=("cpi",)), "did you mean cpu"),
        (Wishes(tests="test_[abs"), "character 6"),
        (Wishes(depth="compille"), "did you mean compile"),
        (Wishes(compiler_version="3.13; rm -rf /"), "not one exact version"),
        (Wishes(compiler_version="3.13.0\n"), "not one exact version"),
        (Wishes(compiler_version=">=3"), "not one exact version"),
        (Wishes(tests="test_sub"), "none is selected|nothing is selected: no id of the 6 cases"),
    ],
)
def test_a_wish_that_cannot_be_met_is_explained(wishes: Wishes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        select.select(NIGHTLY, wishes)


def test_a_pull_request_without_hosted_target_is_explained() -> None:
    with pytest.raises(UsageError, match="none is hosted"):
        select.select(matrix(GPU), Wishes(hosted_only=True))


@pytest.mark.parametrize("version", ["3.13.0", "3.14.0rc20261101", "3.9.0.dev1", "3.13", "3.13.0+local.1"])
def test_versions_as_the_index_shows_them_are_accepted(version: str) -> None:
    assert select.select(NIGHTLY, Wishes(compiler_version=version)).compiler_version == version


def test_more_than_256_shards_become_several_jobs() -> None:
    many = matrix(plan("cpu", [[f"onnx/node/test_{number}@onnx"] for number in range(600)]))
    assert [(job.id, len(job.shards)) for job in shard_jobs(many)] == [("cpu", 256), ("cpu-2", 256), ("cpu-3", 88)]
    outputs = select.outputs(many, select.select(many, Wishes(tests="/test_(3|300|599)@")))
    assert outputs == {"cpu": '[{"shard":3}]', "cpu-2": '[{"shard":300}]', "cpu-3": '[{"shard":599}]'}


def test_the_machines_of_a_target_are_shared_by_its_jobs() -> None:
    many = matrix(plan("cpu", [[f"onnx/node/test_{number}@onnx"] for number in range(600)]))
    assert [job.at_once(8) for job in shard_jobs(many)] == [3, 3, 2]
    assert [job.at_once(1) for job in shard_jobs(many)] == [1, 1, 1]


@pytest.mark.parametrize("name", ["select", "merge"])
def test_a_target_cannot_take_the_name_of_another_job(name: str) -> None:
    with pytest.raises(UsageError, match="rename target"):
        shard_jobs(matrix(plan(name, [[ABS]])))


def test_a_second_job_cannot_take_the_name_of_another_target() -> None:
    keys = [[f"onnx/node/test_{number}@onnx"] for number in range(257)]
    with pytest.raises(UsageError, match="cpu-2"):
        shard_jobs(matrix(plan("cpu", keys), plan("cpu-2", [[ABS]])))


def test_outputs_that_github_would_cut_off_are_refused() -> None:
    wide = [plan(f"target{number:04}", [["onnx/node/test_abs@onnx"]] * 256) for number in range(170)]
    with pytest.raises(ManifestError, match="passes on 1,000,000"):
        select.outputs(matrix(*wide), select.select(matrix(*wide), Wishes()))


@given(st.text("abrdelu_|()", max_size=8), st.sets(st.sampled_from(["cpu", "gpu"])), st.booleans())
def test_outputs_and_selection_say_the_same(tests: str, targets: set[str], hosted: bool) -> None:
    try:
        chosen = select.select(NIGHTLY, Wishes(tests=tests, targets=tuple(sorted(targets)), hosted_only=hosted))
    except UsageError:
        return
    started = {
        (name, entry["shard"]) for name, value in select.outputs(NIGHTLY, chosen).items() for entry in json.loads(value)
    }
    assert started == {(shard.target, shard.shard) for shard in chosen.shards}
    assert started
    assert all(shard.cases for shard in chosen.shards)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".github/matrices").mkdir(parents=True)
    (tmp_path / ".github/matrices/nightly.json").write_bytes(codec.encode_pretty(NIGHTLY))
    return tmp_path


def test_the_command_writes_outputs_and_selection(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, kept = repository / "output", repository / "selection.json"
    output.write_text("before=1\n")
    arguments = ["select", "nightly", "--root", str(repository), "--output", str(output), "--selection", str(kept)]
    wishes = ["--targets=cpu,", "--tests=test_(abs|relu)", "--depth=", "--compiler-version=3.13.0"]
    assert cli.main([*arguments, *wishes, "--force-recompile=true", "--hosted-only=false"]) == 0
    assert output.read_text() == 'before=1\ncpu=[{"shard":0},{"shard":1}]\ngpu=[]\n'
    selection = codec.decode(kept.read_bytes(), Selection)
    assert selection.partial
    assert selection.force_recompile
    assert selection.compiler_version == "3.13.0"
    assert "nightly/cpu: 2 of 2 shards, 2 of 3 cases" in capsys.readouterr().out


def test_without_an_output_file_the_matrices_are_printed(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    assert cli.main(["--root", str(repository), "select", "nightly", "--hosted-only", "--targets", "cpu"]) == 0
    assert capsys.readouterr().out == 'cpu=[{"shard":0},{"shard":1}]\ngpu=[]\n'


def test_an_unknown_suite_is_exit_2_with_a_suggestion(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(repository), "select", "nightli"]) == 2
    assert "did you mean nightly?" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"suite": 3}', "{", ""])
def test_a_file_that_is_no_matrix_is_stale(text: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / ".github/matrices/nightly.json").write_text(text)
    assert cli.main(["--root", str(repository), "select", "nightly"]) == 3
    assert "not a matrix" in capsys.readouterr().err


def test_a_matrix_of_another_format_is_stale(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = msgspec.structs.replace(NIGHTLY, schema="e2eshard.matrix/9")
    (repository / ".github/matrices/nightly.json").write_bytes(codec.encode_pretty(other))
    assert cli.main(["--root", str(repository), "select", "nightly"]) == 3
    assert "e2eshard.matrix/9" in capsys.readouterr().err
