// actions/setup-python: turns the caller's Python into the `python` of the job.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { GitHubError } from "../errors.mjs";

export const setupPython = {
  inputs: {
    ...{
      "python-version": "",
      "python-version-file": "",
      cache: "",
      "cache-dependency-path": "",
      architecture: "",
      token: "",
    },
    ...{ "check-latest": "false", "update-environment": "true", "allow-prereleases": "false", freethreaded: "false" },
  },

  async run({ inputs, job, say, setOutput }) {
    const { python } = job.run.request;
    const file = inputs["python-version-file"];
    if (file && !existsSync(join(job.folders.workspace, file))) {
      throw new GitHubError(`The specified python version file at: ${file} doesn't exist.`);
    }
    const version = execFileSync(python, ["-c", "import platform; print(platform.python_version())"], {
      encoding: "utf8",
    }).trim();
    const wanted = inputs["python-version"];
    if (wanted && version !== wanted && !version.startsWith(`${wanted}.`)) {
      job.record.notes.push(`setup-python was asked for ${wanted}; this machine gave ${version}`);
    }
    const folder = shims(python, join(job.folders.tools, "python"));
    job.pathFolders = [folder, dirname(python), ...job.pathFolders];
    job.variables.pythonLocation = dirname(dirname(python));
    say(`Python ${version}`);
    setOutput("python-version", version);
    setOutput("python-path", python);
    setOutput("cache-hit", "false");
  },
};

// Scripts and not links: a link elsewhere would lose the virtual environment that the interpreter belongs to.
function shims(python, folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of ["python", "python3"]) {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\nexec '${python.replaceAll("'", "'\\''")}' "$@"\n`);
    chmodSync(path, 0o755);
  }
  return folder;
}
