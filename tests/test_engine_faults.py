"""Whatever happens to a batch, every case has its one record, and it is the one that the case would have had alone."""

from __future__ import annotations

import pathlib

import pytest

from schemas.words import Stage
from tests.engine_support.build import FAULT, FAULTY, OPERATORS, RealSuite, together
from tests.runner_support.build import marked

pytestmark = pytest.mark.slow
NAMES = list(OPERATORS[:6])
_STAGES = (Stage.COMPILATION, Stage.COMPILED_INFERENCE)


def run(suite: RealSuite, *options: str, **extra: str) -> int:
    done = suite.run("--shard", "fakes/cpu/0", "--no-rerun", *options, **extra)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode


@pytest.mark.parametrize("fault", ["crash", "killed", "hang", "exit0", "raises", "eat", "zygote", "garbage"])
@pytest.mark.parametrize("where", ["compilation", "inference"])
def test_a_batch_that_goes_wrong_leaves_its_cases_to_be_run_alone(
    tmp_path: pathlib.Path, fault: str, where: str
) -> None:
    """In inference the third call goes wrong: what has passed before stays passed."""
    suite = RealSuite(tmp_path, NAMES, worker=FAULTY, stage="3s", memory="1GiB", stages=(*_STAGES,))
    code = run(suite, "--timeout-scale", "4", **{FAULT: f"{fault}-{where}"})
    assert suite.outcomes() == dict.fromkeys(NAMES, "PASS")
    assert code == 0
    batches = (tmp_path / "state" / "batches").read_text().splitlines()
    assert sorted(batches[0].split()) == sorted(f"onnx/{name}" for name in NAMES)
    passed_with_others = 0 if where == "compilation" and fault not in ("zygote",) else 2
    if fault not in ("raises", "zygote"):
        assert len(together(suite.records())) <= passed_with_others
    assert not [path for path in (suite.folder() / "work").glob("*")] if (suite.folder() / "work").exists() else True
    assert marked(str(tmp_path / "state")) == []
