"""The local executor does with a workflow what GitHub does: jobs, matrices, inputs and calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.workflow_support.executor import Options, WorkflowRun
from tests.workflow_support.scratch import execute, job

pytestmark = pytest.mark.slow


class TestGraph:
    """`needs`, `if` and what a run's parts amount to."""

    WORKFLOW = """
        on: workflow_dispatch
        jobs:
          last: {needs: [middle], runs-on: x, steps: [{run: "true"}]}
          middle: {needs: [first], if: "!cancelled()", runs-on: x, steps: [{run: "true"}]}
          first: {runs-on: x, if: "%s", steps: [{run: "%s"}]}
          report: {needs: [first], if: always(), runs-on: x, steps: [{run: "test ${{ needs.first.result }} = %s"}]}
          repair: {needs: [middle], if: failure(), runs-on: x, steps: [{run: "true"}]}
        """

    def test_order_and_success(self, tmp_path: Path) -> None:
        run = execute(tmp_path, self.WORKFLOW % ("true", "true", "success"))
        expected = {
            "first": "success",
            "middle": "success",
            "last": "success",
            "report": "success",
            "repair": "skipped",
        }
        assert run.results == expected, run.explain()
        assert run.conclusion == "success"

    def test_a_failure_reaches_far_descendants(self, tmp_path: Path) -> None:
        run = execute(tmp_path, self.WORKFLOW % ("true", "false", "failure"))
        # `last` needs only `middle`, which succeeded; success() looks at all ancestors.
        expected = {
            "first": "failure",
            "middle": "success",
            "last": "skipped",
            "report": "success",
            "repair": "success",
        }
        assert run.results == expected, run.explain()
        assert run.conclusion == "failure"

    def test_a_skip_reaches_far_descendants_too(self, tmp_path: Path) -> None:
        run = execute(tmp_path, self.WORKFLOW % ("github.event_name == 'push'", "true", "skipped"))
        expected = {
            "first": "skipped",
            "middle": "success",
            "last": "skipped",
            "report": "success",
            "repair": "skipped",
        }
        assert run.results == expected, run.explain()
        assert run.conclusion == "success"

    def test_a_forgiven_failure_is_success_to_others(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            """
            on: workflow_dispatch
            jobs:
              a: {runs-on: x, continue-on-error: true, steps: [{run: "false"}]}
              b: {needs: a, runs-on: x, steps: [{run: "test ${{ needs.a.result }} = success"}]}
            """,
        )
        assert (run.results, run.conclusion) == ({"a": "failure", "b": "success"}, "success")

    def test_outputs_travel_and_secrets_do_not(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            """
            on: workflow_dispatch
            jobs:
              a:
                runs-on: x
                outputs: {plain: "${{ steps.s.outputs.plain }}", leak: "${{ steps.s.outputs.leak }}", none: ""}
                steps:
                  - id: s
                    run: printf "plain=x\\nleak=%s\\n" "$TOKEN" >> "$GITHUB_OUTPUT"
                    env: {TOKEN: "${{ secrets.TOKEN }}"}
              b: {needs: a, runs-on: x, steps: [{run: "test '${{ toJSON(needs.a.outputs.leak) }}' = null"}]}
            """,
            options=Options(secrets={"TOKEN": "hush-hush"}),
        )
        assert run.conclusion == "success", run.explain()
        assert run.job("a").outputs == {"plain": "x"}
        assert run.job("a").annotations[0].message == "Skip output 'leak' since it may contain secret."
        assert "hush-hush" not in run.job("a").steps[0].log


class TestAttempts:
    """ "Re-run failed jobs"."""

    WORKFLOW = """
        on: workflow_dispatch
        jobs:
          plan:
            runs-on: x
            outputs: {attempt: "${{ github.run_attempt }}", list: "[0, 1]"}
            steps: [{run: touch x}, {uses: actions/upload-artifact@v7, with: {name: plan, path: x}}]
          shard:
            needs: plan
            strategy: {fail-fast: false, matrix: {n: "${{ fromJSON(needs.plan.outputs.list) }}"}}
            uses: ./.github/workflows/called.yml
            with: {n: "${{ matrix.n }}"}
          merge:
            needs: [plan, shard]
            if: always()
            runs-on: x
            steps:
              - {uses: actions/download-artifact@v8, with: {path: all}}
              - run: ls all/* && test "${{ needs.plan.outputs.attempt }}" = 1
        """
    CALLED = """
        on: {workflow_call: {inputs: {n: {type: number}}}}
        jobs:
          prepare: {runs-on: x, steps: [{run: "true"}]}
          run:
            needs: prepare
            runs-on: x
            steps:
              - run: echo "$N" > x
                env: {N: "${{ inputs.n }}"}
              - {name: Work, run: test ! -e "$HOME/broken"}
              - uses: actions/upload-artifact@v7
                if: always()
                with: {name: "s-${{ inputs.n }}-${{ github.run_attempt }}", path: x}
        """

    def test_what_succeeded_stands(self, tmp_path: Path) -> None:
        files = {".github/workflows/called.yml": self.CALLED}
        broken = {"shard/run/Work": "grep -q 0 x"}
        first = execute(tmp_path, self.WORKFLOW, files, sabotage=broken)
        assert first.results == {
            "plan": "success",
            "shard (0)": "success",
            "shard (0)/prepare": "success",
            "shard (0)/run": "success",
            "shard (1)": "failure",
            "shard (1)/prepare": "success",
            "shard (1)/run": "failure",
            "merge": "success",
        }
        assert first.conclusion == "failure"
        second = execute(tmp_path, self.WORKFLOW, files, options=Options(rerun_failed=True))
        assert set(second.results.values()) == {"success"}, second.explain()
        assert list(second.results) == list(first.results)
        again = {job.id for job in second.jobs if job.workspace and "/jobs/2-" in str(job.workspace)}
        assert again == {"shard (1)/run", "merge"}
        names = [(artifact.name, artifact.attempt) for artifact in second.artifacts]
        assert names == [("plan", 1), ("s-0-1", 1), ("s-1-1", 1), ("s-1-2", 2)]
        assert "all/s-1-2" in second.job("merge").steps[1].log


class TestMatrix:
    """`strategy`."""

    def matrix(self, tmp_path: Path, strategy: str, **arguments: Any) -> WorkflowRun:
        text = f"""
            on: {{workflow_dispatch: {{inputs: {{m: {{type: string, default: '[]'}}}}}}}}
            jobs:
              a:
                runs-on: x
                strategy: {strategy}
                steps: [{{run: "test '${{{{ matrix.os }}}}' != bad"}}]
              b: {{needs: a, if: always(), runs-on: x, steps: [{{run: "true"}}]}}
            """
        return execute(tmp_path, text, **arguments)

    def test_axes_exclude_and_include(self, tmp_path: Path) -> None:
        strategy = (
            "{matrix: {os: [l, w], n: [1, 2], exclude: [{os: W, n: 2}], "
            "include: [{os: l, n: 1, extra: true}, {colour: red}, {os: m}]}}"
        )
        run = self.matrix(tmp_path, strategy)
        assert [each.matrix for each in run.jobs if each.path == "a"] == [
            {"os": "l", "n": 1, "extra": True, "colour": "red"},
            {"os": "l", "n": 2, "colour": "red"},
            {"os": "w", "n": 1, "colour": "red"},
            {"os": "m"},
        ]
        assert list(run.results) == ["a (l, 1)", "a (l, 2)", "a (w, 1)", "a (m)", "b"]

    def test_include_from_json(self, tmp_path: Path) -> None:
        wanted = [{"os": "one", "shard": 0}, {"os": "two", "shard": 1}]
        run = self.matrix(
            tmp_path, "{matrix: {include: '${{ fromJSON(inputs.m) }}'}}", inputs={"m": json.dumps(wanted)}
        )
        assert [each.matrix for each in run.jobs if each.path == "a"] == wanted
        assert run.conclusion == "success"

    @pytest.mark.parametrize(
        ("strategy", "given", "error"),
        [
            ("{matrix: {include: '${{ fromJSON(inputs.m) }}'}}", "[]", "Matrix must define at least one vector"),
            ("{matrix: {os: '${{ fromJSON(inputs.m) }}'}}", "[]", "Matrix vector 'os' does not contain any values"),
            ("{matrix: {os: '${{ fromJSON(inputs.m) }}'}}", json.dumps(list(range(257))), "256 jobs at most, not 257"),
            ("{matrix: {os: '${{ fromJSON(inputs.m) }}'}}", "", "empty input"),
            ("{matrix: {os: [a], exclude: [{sos: a}]}}", "[]", "Matrix exclude key 'sos' does not match any key"),
        ],
    )
    def test_an_impossible_matrix_fails_the_job(self, tmp_path: Path, strategy: str, given: str, error: str) -> None:
        run = self.matrix(tmp_path, strategy, inputs={"m": given})
        assert run.results == {"a": "failure", "b": "success"}
        assert run.conclusion == "failure"
        assert error in (run.job("a").error or "")

    def test_fail_fast_cancels_the_others(self, tmp_path: Path) -> None:
        run = self.matrix(tmp_path, "{matrix: {os: [good, bad, ugly]}}")
        assert run.results == {"a (good)": "success", "a (bad)": "failure", "a (ugly)": "cancelled", "b": "success"}

    def test_without_fail_fast_all_run(self, tmp_path: Path) -> None:
        run = self.matrix(tmp_path, "{fail-fast: false, max-parallel: 2, matrix: {os: [good, bad, ugly]}}")
        assert run.results == {"a (good)": "success", "a (bad)": "failure", "a (ugly)": "success", "b": "success"}
        assert run.conclusion == "failure"


class TestInputs:
    """Events and their inputs."""

    HEAD = """\
on:
  schedule: [{cron: "5 4 * * *"}]
  workflow_dispatch:
    inputs:
      flag: {type: boolean}
      count: {type: number, default: 3}
      depth: {type: choice, options: [compile, execute], default: execute}
      tests: {type: string}
"""
    SHOW = job("- run: echo '${{ toJSON(inputs) }} ${{ toJSON(github.event.inputs) }}' | tr -d '\\n '", head=HEAD)

    def test_types_and_defaults(self, tmp_path: Path) -> None:
        run = execute(tmp_path, self.SHOW, inputs={"flag": "true", "tests": "abs"})
        typed = '{"flag":true,"count":3,"depth":"execute","tests":"abs"}'
        assert f'{typed}{{"flag":"true","count":"3","depth":"execute","tests":"abs"}}' in run.job("a").steps[0].log

    def test_another_event_has_no_inputs(self, tmp_path: Path) -> None:
        step = """
            - run: test -z "$X$Y" -a "${{ github.event.schedule }}" = "5 4 * * *"
              env: {X: "${{ inputs.tests }}", Y: "${{ inputs.flag }}"}
            """
        run = execute(tmp_path, job(step, head=self.HEAD), event="schedule")
        assert run.conclusion == "success", run.explain()

    @pytest.mark.parametrize(
        ("inputs", "error"),
        [
            ({"test": "abs"}, 'Unexpected inputs provided: ["test"]'),
            ({"flag": "yes"}, "Input 'flag' is a boolean, not 'yes'"),
            ({"count": "many"}, "Input 'count' is a number, not 'many'"),
            ({"depth": "import"}, "Provided value 'import' for input 'depth' not in the list of allowed values"),
        ],
    )
    def test_bad_inputs(self, tmp_path: Path, inputs: dict[str, str], error: str) -> None:
        run = execute(tmp_path, self.SHOW, inputs=inputs)
        assert (run.conclusion, run.error) == ("failure", error)

    def test_an_event_without_trigger(self, tmp_path: Path) -> None:
        run = execute(tmp_path, self.SHOW, event="push")
        assert "has no trigger 'push'; it has: schedule, workflow_dispatch" in (run.error or "")


class TestCalls:
    """Reusable workflows."""

    CALLED = """
        on:
          workflow_call:
            inputs:
              shard: {type: number, required: true}
              flag: {type: boolean, default: true}
              name: {type: string}
            secrets: {TOKEN: {required: true}}
            outputs: {digest: {value: "${{ jobs.run.outputs.digest }}"}}
        env: {OWN: called}
        jobs:
          run:
            runs-on: x
            outputs: {digest: "${{ steps.s.outputs.digest }}"}
            steps:
              - id: s
                run: |
                  test "$T" = hush && test -z "$CALLER" && test "$OWN" = called
                  echo "digest=${{ toJSON(inputs.shard) }}-${{ inputs.flag }}-${{ inputs.name }}" >> "$GITHUB_OUTPUT"
                env: {T: "${{ secrets.TOKEN }}"}
        """
    CALLER = """
        on: workflow_dispatch
        env: {CALLER: "must not reach the called workflow"}
        jobs:
          cpu:
            strategy: {matrix: {include: [{n: 0}, {n: 1}]}}
            uses: ./.github/workflows/called.yml
            with: {shard: "${{ matrix.n }}", name: "${{ github.repository }}"%s}
            secrets: %s
          merge:
            needs: cpu
            runs-on: x
            steps: [{run: "test ${{ needs.cpu.result }}/${{ needs.cpu.outputs.digest }} = success/1-true-owner/name"}]
        """

    @pytest.mark.parametrize("secrets", ["inherit", '{TOKEN: "${{ secrets.TOKEN }}"}'])
    def test_inputs_secrets_and_outputs(self, tmp_path: Path, secrets: str) -> None:
        files = {".github/workflows/called.yml": self.CALLED}
        run = execute(tmp_path, self.CALLER % ("", secrets), files, options=Options(secrets={"TOKEN": "hush"}))
        assert run.conclusion == "success", run.explain()
        assert list(run.results) == ["cpu (0)", "cpu (0)/run", "cpu (1)", "cpu (1)/run", "merge"]
        assert run.job("cpu (0)").outputs == {"digest": "0-true-owner/name"}
        assert run.job("cpu (1)/run").inputs == {"shard": 1, "flag": True, "name": "owner/name"}

    def test_text_is_no_boolean(self, tmp_path: Path) -> None:
        files = {".github/workflows/called.yml": self.CALLED}
        text = self.CALLER % (", flag: \"${{ 'true' }}\"", "inherit")
        run = execute(tmp_path, text, files, options=Options(secrets={"TOKEN": "hush"}))
        assert "Unexpected value '\"true\"' for the input 'flag'" in (run.job("cpu (0)").error or "")

    def test_a_missing_secret(self, tmp_path: Path) -> None:
        files = {".github/workflows/called.yml": self.CALLED}
        run = execute(tmp_path, self.CALLER % ("", "inherit"), files)
        assert "Secret TOKEN is required" in (run.job("cpu (0)").error or "")

    def test_an_invalid_call_is_refused_before_the_run(self, tmp_path: Path) -> None:
        run = execute(tmp_path, self.CALLER % (", shards: 3", "inherit"), {".github/workflows/called.yml": self.CALLED})
        assert "shards is not defined in the referenced workflow" in (run.error or "")
        assert not run.jobs
