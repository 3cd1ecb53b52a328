"""The stand-ins for well-known actions do what the actions do, and what is not imitated is refused."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.workflow_support.executor import ImpossibleError, Options, WorkflowRun
from tests.workflow_support.scratch import execute, job

pytestmark = pytest.mark.slow


class TestWellKnownActions:
    """The stand-ins."""

    def test_checkout_takes_uncommitted_files_into_a_workspace_of_its_own(self, tmp_path: Path) -> None:
        root = tmp_path / "repository"
        root.mkdir()
        (root / ".gitignore").write_text("ignored\n")
        (root / "committed").write_text("old")
        git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(root)]
        for words in (
            ["init", "--quiet"],
            ["add", "."],
            ["commit", "--quiet", "-m", "one"],
            ["commit", "--allow-empty", "-qm", "two"],
        ):
            subprocess.run([*git, *words], check=True)
        (root / "committed").write_text("new")
        (root / "ignored").write_text("")
        run = execute(
            tmp_path,
            """
            on: workflow_dispatch
            jobs:
              a:
                runs-on: x
                steps:
                  - uses: actions/checkout@v7
                  - run: |
                      test "$(cat committed)" = new && test ! -e ignored && touch mine
                      test "$(git rev-parse HEAD) $(git rev-list --count HEAD)" = "$GITHUB_SHA 1"
                      test "$(git status --porcelain)" = "$(printf ' M committed\\n?? .github/\\n?? mine')"
              b:
                needs: a
                runs-on: x
                steps:
                  - {uses: actions/checkout@v7, with: {fetch-depth: 0}}
                  - run: test ! -e mine && test "$(git rev-list --count HEAD)" = 2
            """,
        )
        assert run.conclusion == "success", run.explain()

    def test_setup_python(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job("""
            - {uses: actions/setup-python@v7, id: py, with: {python-version: "3.1"}}
            - run: |
                test "$(python -c 'import sys; print(sys.executable)')" = "${{ steps.py.outputs.python-path }}"
                python3 -c 'import pytest'
            """),
        )
        assert run.conclusion == "success", run.explain()
        assert run.job("a").notes[0].startswith("setup-python was asked for 3.1; this machine gave 3.")

    UPLOAD = "{uses: actions/upload-artifact@v7, with: {name: %s, path: %s}}"

    def test_artifact_layouts(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job(f"""
            - run: |
                mkdir -p out/a/b out/c
                echo 1 | tee out/a/x.json out/a/b/y.json out/c/z.txt out/a/.hidden > out/single
            - {self.UPLOAD % ("folder", "out/a/")}
            - {self.UPLOAD % ("file", "out/single")}
            - {self.UPLOAD % ("glob", '"out/**/*.json"')}
            - {{uses: actions/upload-artifact@v7, with: {{name: several, path: "out/a\\nout/c\\n!out/a/b"}}}}
            - {{uses: actions/upload-artifact@v7, with: {{name: hidden, path: out/a, include-hidden-files: true}}}}
            """),
        )
        assert run.conclusion == "success", run.explain()
        assert {artifact.name: artifact.files for artifact in run.artifacts} == {
            "folder": ["b/y.json", "x.json"],
            "file": ["single"],
            "glob": ["a/b/y.json", "a/x.json"],
            "several": ["a/x.json", "c/z.txt"],
            "hidden": [".hidden", "b/y.json", "x.json"],
        }

    def test_artifacts_are_immutable(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job(f"""
            - run: touch x
            - {self.UPLOAD % ("one", "x")}
            - {{id: again, uses: actions/upload-artifact@v7, with: {{name: one, path: x, overwrite: true}}}}
            - {self.UPLOAD % ("one", "x")}
            """),
        )
        assert [step.conclusion for step in run.job("a").steps] == ["success", "success", "success", "failure"]
        assert "(409) Conflict: an artifact with this name already exists" in run.explain()

    @pytest.mark.parametrize(
        ("name", "extra", "error"),
        [
            ("a/b", "", "The artifact name is not valid: a/b"),
            ("x", ", if-no-files-found: error", "No files were found with the provided path: none."),
            ("x", ", compress: 3", "no input 'compress'"),
        ],
    )
    def test_bad_uploads(self, tmp_path: Path, name: str, extra: str, error: str) -> None:
        path = "none" if extra else "y"
        text = job(
            f"- run: touch y\n- {{uses: actions/upload-artifact@v7, with: {{name: {name}, path: {path}{extra}}}}}"
        )
        try:
            said = execute(tmp_path, text).explain()
        except ImpossibleError as impossible:
            said = str(impossible)
        assert error in said

    def test_downloads(self, tmp_path: Path) -> None:
        run = execute(
            tmp_path,
            job(f"""
            - run: echo 1 > one; echo 2 > two; touch other
            - {self.UPLOAD % ("s-1", "one")}
            - {self.UPLOAD % ("s-2", "two")}
            - {self.UPLOAD % ("t-1", "other")}
            - {{uses: actions/download-artifact@v8, with: {{name: s-1, path: by-name}}}}
            - {{uses: actions/download-artifact@v8, with: {{pattern: "s-*", path: apart}}}}
            - {{uses: actions/download-artifact@v8, with: {{pattern: "s-*", path: merged, merge-multiple: true}}}}
            - {{uses: actions/download-artifact@v8, with: {{pattern: "t-*", path: single}}}}
            - {{uses: actions/download-artifact@v8, with: {{pattern: "u-*", path: none}}}}
            - run: ls by-name/one apart/s-1/one apart/s-2/two merged/one merged/two single/other && test ! -e none
            - {{uses: actions/download-artifact@v8, with: {{name: absent}}}}
            """),
        )
        conclusions = [step.conclusion for step in run.job("a").steps]
        assert conclusions == ["success"] * 10 + ["failure"], run.explain()
        assert "Artifact not found for name: absent" in run.explain()

    def test_who_runs_all_again_begins_without_artifacts(self, tmp_path: Path) -> None:
        upload = self.UPLOAD % ('"s-${{ github.run_attempt }}"', "x")
        text = job(f"- run: touch x\n- {upload}")
        execute(tmp_path, text)
        run = execute(tmp_path, text)
        assert [(each.name, each.attempt) for each in run.artifacts] == [("s-1", 1)]

    def test_cache(self, tmp_path: Path) -> None:
        text = """
            on: {workflow_dispatch: {inputs: {key: {type: string}}}}
            jobs:
              a:
                runs-on: x
                steps:
                  - id: c
                    uses: actions/cache@v6
                    with: {path: "~/.cache/tool\\nbuild", key: "${{ inputs.key }}", restore-keys: k-}
                  - run: |
                      cat ~/.cache/tool/x build/y || true
                      mkdir -p ~/.cache/tool build && echo "${{ inputs.key }}" | tee ~/.cache/tool/x > build/y
            """
        options = Options(cache=tmp_path / "cache")

        def hit(key: str) -> tuple[str | None, str]:
            run = execute(tmp_path, text, inputs={"key": key}, options=options)
            assert run.conclusion == "success", run.explain()
            return run.job("a").step("c").outputs.get("cache-hit"), run.job("a").steps[1].log

        assert hit("k-1")[0] is None
        state, log = hit("k-2")
        assert state == "false"
        assert "\nk-1\nk-1\n" in log
        state, log = hit("k-2")
        assert state == "true"
        assert "\nk-2\nk-2\n" in log

    def test_a_failed_job_saves_no_cache(self, tmp_path: Path) -> None:
        text = job("""
            - {uses: actions/cache@v6, with: {path: build, key: k}}
            - run: mkdir build && false
            """)
        run = execute(tmp_path, text, options=Options(cache=tmp_path / "cache"))
        assert run.job("a").steps[-1].conclusion == "skipped"
        assert not (tmp_path / "cache" / "index.json").exists()

    def test_hash_files(self, tmp_path: Path) -> None:
        files = {"a.lock": "1", "b.lock": "2", "c.txt": "3"}
        hashes = (hashlib.sha256(files[name].encode()).digest() for name in ("a.lock", "b.lock"))
        wanted = hashlib.sha256(b"".join(hashes)).hexdigest()
        steps = """
            - uses: actions/checkout@v7
            - run: test "$HASH" = "$WANTED" -a -z "$NONE"
              env: {HASH: "${{ hashFiles('*.lock') }}", NONE: "${{ hashFiles('none') }}", WANTED: %s}
            """
        run = execute(tmp_path, job(steps % wanted), files)
        assert run.conclusion == "success", run.explain()


class TestHonesty:
    """What is not imitated is refused, and a test that bites nothing is no test."""

    @pytest.mark.parametrize(
        ("step", "error"),
        [
            ("- uses: someone/some-action@v1", "no stand-in for the action someone/some-action@v1"),
            ("- uses: docker://alpine:3", "the container action docker://alpine:3 is not imitated"),
            ("- {run: dir, shell: pwsh}", "the shell 'pwsh' is not imitated"),
            ("- {uses: actions/checkout@v7, with: {submodules: true}}", "submodules: true is not imitated"),
            ("- {uses: actions/checkout@v7, with: {repository: a/b}}", "another repository is not imitated: a/b"),
        ],
    )
    def test_unsupported_steps(self, tmp_path: Path, step: str, error: str) -> None:
        with pytest.raises(ImpossibleError, match=error):
            execute(tmp_path, job(step))

    def test_unsupported_keys(self, tmp_path: Path) -> None:
        text = job("- run: x").replace("steps:", "services: {db: {image: postgres}}\n    steps:")
        with pytest.raises(ImpossibleError, match="'services' of a job is not imitated"):
            execute(tmp_path, text)

    def test_an_invalid_workflow_does_not_run(self, tmp_path: Path) -> None:
        run = execute(tmp_path, job("- runs: x"))
        assert "w.yml:6:9: Unexpected value 'runs'" in (run.error or "")

    def test_sabotage(self, tmp_path: Path) -> None:
        text = job("- {name: Build all, run: make all}\n- run: echo after")
        run = execute(tmp_path, text, sabotage={"a/Build all": "echo sabotaged; exit 5"})
        assert run.results == {"a": "failure"}
        assert run.job("a").steps[0].replaced == "sabotage"
        assert "sabotaged" in run.job("a").steps[0].log

    @pytest.mark.parametrize("selector", ["a/run:make all", "*/Build all", "a/run:all"])
    def test_selectors(self, tmp_path: Path, selector: str) -> None:
        text = job("- {name: Build all, run: make all}")
        assert execute(tmp_path, text, sabotage={selector: "exit 0"}).conclusion == "success"

    def test_a_sabotage_that_meets_no_step_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ImpossibleError, match="no step was reached that matches 'a/Build'"):
            execute(tmp_path, job("- {name: Build all, run: 'true'}"), sabotage={"a/Build": "exit 1"})

    def test_containers_are_recorded(self, tmp_path: Path) -> None:
        text = job("- run: 'true'").replace(
            "steps:", "container: {image: 'alpine:3', options: --device=/dev/kfd}\n    steps:"
        )
        run = execute(tmp_path, text)
        assert run.job("a").container == {"image": "alpine:3", "options": "--device=/dev/kfd"}
        assert "not imitated" in run.job("a").notes[0]

    def contained(self, tmp_path: Path, container: str) -> WorkflowRun:
        return execute(tmp_path, job("- run: 'true'").replace("steps:", f"container: {container}\n    steps:"))

    @pytest.mark.parametrize(
        "container", ["''", "${{ fromJSON('\"\"') }}", """>-\n      ${{ fromJSON('{"image": ""}') }}"""]
    )
    def test_an_empty_container_is_none(self, tmp_path: Path, container: str) -> None:
        run = self.contained(tmp_path, container)
        assert (run.conclusion, run.job("a").container, run.job("a").notes) == ("success", None, [])

    def test_a_container_of_the_wrong_shape_fails_the_job(self, tmp_path: Path) -> None:
        container = """>-\n      ${{ fromJSON('{"image": "alpine:3", "options": ["--privileged"]}') }}"""
        run = self.contained(tmp_path, container)
        assert "Unexpected value for container" in (run.job("a").error or "")
