"""The local executor does with a job what GitHub does: steps, limits and composite actions."""

from pathlib import Path

import pytest

from tests.workflow_support.executor import Options
from tests.workflow_support.scratch import execute, job

pytestmark = pytest.mark.slow


class TestSteps:
    """Steps of one job."""

    def test_outcome_conclusion_and_status_functions(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job("""
            - {id: forgiven, run: exit 3, continue-on-error: true}
            - {id: sees, run: "test ${{ steps.forgiven.outcome }}-${{ steps.forgiven.conclusion }} = failure-success"}
            - {id: fails, run: exit 4}
            - {id: not-reached, run: "true"}
            - {id: repair, if: failure(), run: "test ${{ job.status }} = failure"}
            - {id: always, if: always() && steps.fails.outcome == 'failure', run: "true"}
            - {id: condition, if: "${{ !cancelled() }}", run: "true"}
            """),
        )
        conclusions = {step.id: step.conclusion for step in run.job("a").steps}
        assert conclusions == {
            "forgiven": "success",
            "sees": "success",
            "fails": "failure",
            "not-reached": "skipped",
            "repair": "success",
            "always": "success",
            "condition": "success",
        }
        assert run.results == {"a": "failure"}
        assert "Process completed with exit code 4." in run.job("a").step("fails").log

    def test_files_of_commands(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job(r"""
            - id: w
              run: |
                { echo 'many<<END'; echo 'a=1'; echo; echo 'b<<c'; echo END; echo 'one=x=y'; } >> "$GITHUB_OUTPUT"
                echo 'KEPT=from a step' >> "$GITHUB_ENV"
                mkdir bin && printf '#!/bin/sh\necho mine' > bin/tool && chmod +x bin/tool
                echo "$PWD/bin" >> "$GITHUB_PATH"
                echo '# Summary' >> "$GITHUB_STEP_SUMMARY"
            - run: |
                test "$MANY" = "$(printf 'a=1\n\nb<<c')"
                test "$ONE ${{ env.KEPT }} $KEPT" = 'x=y from a step from a step'
                test "$(tool)" = mine
              env: {MANY: "${{ steps.w.outputs.many }}", ONE: "${{ steps.w.outputs.one }}"}
            """),
        )
        assert run.conclusion == "success", run.explain()
        assert run.job("a").summary == "# Summary\n"

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("broken", "Invalid format 'broken'"),
            ("x<<END", "Invalid value. Matching delimiter not found 'END'"),
        ],
    )
    def test_a_bad_output_file_fails_the_step(self, tmp_path: Path, line: str, error: str) -> None:
        run = execute(tmp_path, job(f"""- run: echo '{line}' >> "$GITHUB_OUTPUT" """))
        assert run.conclusion == "failure"
        assert f"Unable to process file command 'output' successfully. {error}" in run.explain()

    def test_variables_by_nearness(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            """
            on: workflow_dispatch
            env: {A: workflow, B: workflow, C: workflow, D: "${{ github.repository }}"}
            jobs:
              a:
                runs-on: x
                env: {B: job, C: job}
                steps:
                  - run: test "$A $B $C $D ${{ env.C }}" = "workflow job step owner/name step"
                    env: {C: step}
                  - run: test "$C" = job
            """,
        )
        assert run.conclusion == "success", run.explain()

    def test_default_shell_and_folder(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job("""
            - run: mkdir sub
            - {id: pipe, run: false | true}
            - {id: pipefail, run: false | true, shell: bash, continue-on-error: true}
            - {run: 'test "$(basename "$PWD")" = sub', working-directory: sub}
            - {run: "import os; assert os.environ['CI'] == 'true'", shell: python}
            - {run: 'test "$0" = "${0%.sh}" -a "$1" = mine', shell: "sh {0} mine", continue-on-error: true}
            """),
        )
        assert run.conclusion == "success", run.explain()
        assert run.job("a").step("pipefail").outcome == "failure"

    def test_annotations_and_their_limit(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job("""
            - run: |
                echo '::error file=a.py,line=3,title=T%2C t::one%0Atwo'
                for i in $(seq 12); do echo "::warning::w$i"; done
                echo '::stop-commands::xyz'; echo '::error::unseen'; echo '::xyz::'
                echo '::notice::seen'
            """),
        )
        first, *others = run.job("a").annotations
        assert (first.level, first.file, first.line, first.title, first.message) == (
            "error",
            "a.py",
            3,
            "T, t",
            "one\ntwo",
        )
        assert [each.message for each in others] == [*(f"w{i}" for i in range(1, 11)), "seen"]
        assert run.job("a").notes[0].startswith("2 annotations over GitHub's limit of 10 of a kind")

    def test_masks(self, tmp_path: Path) -> None:
        run = execute(tmp_path, job("- run: echo ::add-mask::sesame\n- run: echo open sesame"))
        assert "open ***" in run.job("a").steps[1].log

    def test_timeouts_of_step_and_job(self, tmp_path: Path) -> None:
        text = """
            on: workflow_dispatch
            jobs:
              a:
                runs-on: x
                steps: [{id: slow, run: sleep 60, timeout-minutes: 1}, {id: next, if: always(), run: "true"}]
              b:
                runs-on: x
                timeout-minutes: 1
                steps: [{id: slow, run: sleep 60 & wait}, {id: next, run: "true"}]
            """
        run = execute(tmp_path, text, options=Options(minute_ms=300))
        assert run.results == {"a": "failure", "b": "cancelled"}
        assert "has timed out" in run.job("a").step("slow").log
        assert run.job("a").step("next").conclusion == "success"
        assert [step.conclusion for step in run.job("b").steps] == ["cancelled", "skipped"]
        assert run.conclusion == "failure"

    def test_the_environment_is_not_the_callers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEAKED", "x")
        run = execute(
            tmp_path,
            job("""
            - run: |
                test -z "$LEAKED"
                test -d "$RUNNER_TEMP" -a "$PWD" = "$GITHUB_WORKSPACE" -a "$GITHUB_REPOSITORY" = owner/name
                test "$GITHUB_RUN_ATTEMPT$GITHUB_RUN_ID$RUNNER_OS" = 11Linux
                test "${{ github.workspace }}" = "$PWD" && ! env | grep ghs_
            """),
        )
        assert run.conclusion == "success", run.explain()

    def test_expressions_reach_a_script_as_text(self, tmp_path: Path) -> None:
        script = """test "${{ format('{0}-{1}', 1 == 1, fromJSON('[1.5]')[0]) }}-it's {braces}" = "$WANTED" """
        step = f"""- run: {script}\n  env: {{WANTED: "true-1.5-it's {{braces}}"}}"""
        assert execute(tmp_path, job(step)).conclusion == "success"


class TestLimits:
    """GitHub's limits that are cheap to keep."""

    def test_expression_length(self, tmp_path: Path) -> None:
        run = execute(tmp_path, job(f"- run: |\n    # {'x' * 21_000}\n    echo ${{{{ github.sha }}}}"))
        assert "Exceeded max expression length 21000" in (run.error or run.explain())

    def test_outputs_of_a_job(self, tmp_path: Path) -> None:
        text = """
            on: workflow_dispatch
            jobs:
              a:
                runs-on: x
                outputs: {big: "${{ steps.s.outputs.big }}"}
                steps: [{id: s, run: 'printf "big=%0600000d\\n" 0 >> "$GITHUB_OUTPUT"'}]
            """
        run = execute(tmp_path, text)
        assert "1200006 bytes; GitHub takes 1048576 at most" in (run.job("a").error or "")

    def test_a_large_summary_is_dropped_with_a_note(self, tmp_path: Path) -> None:
        run = execute(tmp_path, job("""- run: head -c 1100000 /dev/zero | tr '\\0' x > "$GITHUB_STEP_SUMMARY" """))
        assert (run.conclusion, run.job("a").summary) == ("success", "")
        assert "supports content up to a size of 1024k, got 1074k" in run.job("a").notes[0]


class TestCompositeActions:
    """`uses: ./.github/actions/…`."""

    ACTION = """
        name: Setup
        description: Prepares
        inputs:
          python: {description: which, default: "3.${{ 11 }}"}
          who: {description: whom, required: true}
        outputs: {greeting: {description: said, value: "${{ steps.say.outputs.text }}"}}
        runs:
          using: composite
          steps:
            - {id: install, run: exit 9, shell: bash}
            - id: say
              run: |
                test -f "$GITHUB_ACTION_PATH/action.yml" && test "$OUTER ${{ env.OUTER }}" = 'kept kept'
                echo "text=hello ${{ inputs.who }} ${{ inputs.python }}" >> "$GITHUB_OUTPUT"
                echo FROM_ACTION=1 >> "$GITHUB_ENV"
              shell: bash
            - {id: repair, if: failure(), run: "true", shell: bash}
        """
    WORKFLOW = """
        - uses: actions/checkout@v7
        - {id: setup, uses: ./.github/actions/setup, with: {WHO: you}, env: {OUTER: kept}}
        - run: test "${{ steps.setup.outputs.greeting }} $FROM_ACTION $OUTER" = "hello you 3.11 1 "
        """

    def files(self) -> dict[str, str]:
        return {".github/actions/setup/action.yml": self.ACTION}

    def test_inputs_outputs_and_a_substituted_step(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path, job(self.WORKFLOW), self.files(), substitutions={"./.github/actions/setup#install": "true"}
        )
        assert run.conclusion == "success", run.explain()
        inner = run.job("a").step("setup").steps
        assert [(step.id, step.conclusion) for step in inner] == [
            ("install", "success"),
            ("say", "success"),
            ("repair", "skipped"),
        ]
        assert inner[0].replaced == "substitute"

    def test_a_failing_inner_step_fails_the_action(self, tmp_path: Path) -> None:
        run = execute(tmp_path, job(self.WORKFLOW), self.files())
        inner = run.job("a").step("setup").steps
        assert [step.conclusion for step in inner] == ["failure", "skipped", "success"]
        assert [step.conclusion for step in run.job("a").steps] == ["success", "failure", "skipped"]

    def test_a_whole_action_replaced(self, tmp_path: Path) -> None:
        command = 'echo "greeting=hello you 3.11" >> "$GITHUB_OUTPUT"; echo FROM_ACTION=1 >> "$GITHUB_ENV"'
        run = execute(tmp_path, job(self.WORKFLOW), self.files(), substitutions={"./.github/actions/setup": command})
        assert run.conclusion == "success", run.explain()

    def test_the_action_comes_from_the_workspace(self, tmp_path: Path) -> None:
        run = execute(tmp_path, job("- uses: ./.github/actions/setup"), self.files())
        assert "Did you forget to run actions/checkout before running your local action?" in run.explain()
