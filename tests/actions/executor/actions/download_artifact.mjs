// actions/download-artifact: turns a name or a pattern into files in the workspace.
import { minimatch } from "minimatch";
import { join } from "node:path";
import { GitHubError, UnsupportedError } from "../errors.mjs";
import { booleanInput } from "./index.mjs";
import { absolutePath } from "./paths.mjs";

const FIXED = { "artifact-ids": "", "github-token": "", repository: "", "run-id": "", "skip-decompress": "false" };

export const downloadArtifact = {
  inputs: { ...FIXED, name: "", path: "", pattern: "", "merge-multiple": "false", "digest-mismatch": "error" },

  async run({ inputs, job, say, setOutput }) {
    const other = Object.keys(FIXED).find((name) => inputs[name] !== FIXED[name]);
    if (other) throw new UnsupportedError(`actions/download-artifact with ${other} is not imitated`);
    const { artifacts } = job.run;
    const found = choose(artifacts.list(), inputs);
    const target = absolutePath(inputs.path || ".", job.folders);
    // As in the action: a pattern's single match goes right into the path; only in company it gets a folder of its own.
    const direct = Boolean(inputs.name) || booleanInput(inputs, "merge-multiple") || found.length === 1;
    for (const artifact of found) artifacts.extract(artifact, direct ? target : join(target, artifact.name));
    say(`Total of ${found.length} artifact(s) downloaded`);
    setOutput("download-path", target);
  },
};

function choose(artifacts, { name, pattern }) {
  if (!name) return artifacts.filter((artifact) => !pattern || minimatch(artifact.name, pattern));
  const found = artifacts.filter((artifact) => artifact.name === name);
  if (found.length === 0) throw new GitHubError(`Unable to download artifact(s): Artifact not found for name: ${name}`);
  return found;
}
