"""An expectations file as people write it, the keys in it, and any run that may come to it."""

from __future__ import annotations

from hypothesis import strategies as st

from results.expectations.gap import Gap
from schemas.words import OWN_STAGES, Stage
from tests.results_support.strategies import KINDS, SIGNATURES
from tests.results_support.workspace import KEYS

TEXT = """\
# The gaps of s on cpu.
suite: s
target: cpu   # this machine
failures:
  # Needs a lowering.
  - signature: "failed to legalize 'a'"   # upstream knows
    stage: compilation
    issue: https://example.org/1
    owner: somebody
    cases:
      - onnx/node/test_abs@onnx
      # a special one
      - "onnx/node/test_cos@onnx"   # odd
      - onnx/node/test_exp@onnx

  # Wrong numbers.
  - signature: 3 of 60 elements differ
    stage: comparison
    cases:
      - onnx/node/test_log@onnx
      # nothing after this

  - stage: compilation
    outcome: CRASH
    signature: SIGSEGV
    cases:
    - onnx/node/test_neg@onnx
# the end
"""
GAPS = st.builds(Gap, st.sampled_from([s for s in Stage if s not in OWN_STAGES]), KINDS, SIGNATURES)
RUNS = st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), GAPS))


def key(name: str) -> str:
    return f"onnx/node/test_{name}@onnx"
