// actions/upload-artifact: turns path patterns into one artifact, laid out as the action lays it out.
import { statSync } from "node:fs";
import { dirname, sep } from "node:path";
import { GitHubError, UnsupportedError } from "../errors.mjs";
import { findFiles } from "../glob.mjs";
import { booleanInput } from "./index.mjs";

export const uploadArtifact = {
  inputs: {
    ...{ name: "artifact", path: null, "if-no-files-found": "warn", "retention-days": "", "compression-level": "6" },
    ...{ overwrite: "false", "include-hidden-files": "false", archive: "true" },
  },

  async run({ inputs, job, say, warn, setOutput }) {
    if (!booleanInput(inputs, "archive")) {
      throw new UnsupportedError("actions/upload-artifact with archive: false is not imitated");
    }
    const { files, root } = chooseFiles(inputs, job);
    if (files.length === 0) {
      nothingFound(inputs, { say, warn });
      return;
    }
    const overwrite = booleanInput(inputs, "overwrite");
    const entry = job.run.artifacts.add(inputs.name, { root, files, overwrite, job: job.record.id });
    say(`artifact ${entry.name}: ${files.length} files, ${entry.bytes} bytes`);
    setOutput("artifact-id", entry.id);
    setOutput(
      "artifact-url",
      `https://github.com/${job.contexts.github.repository}/actions/runs/0/artifacts/${entry.id}`,
    );
  },
};

function chooseFiles(inputs, job) {
  const options = {
    followSymbolicLinks: true,
    implicitDescendants: true,
    omitBrokenSymbolicLinks: true,
    excludeHiddenFiles: !booleanInput(inputs, "include-hidden-files"),
  };
  const { files: found, searchPaths } = findFiles(inputs.path, options, job.folders);
  const files = found.filter((path) => !statSync(path).isDirectory());
  return { files, root: rootOf(searchPaths, files) };
}

// Several search paths: their least common ancestor. One that is the only file itself: its folder. Else the path.
function rootOf(searchPaths, files) {
  if (searchPaths.length > 1) return commonAncestor(searchPaths);
  return files.length === 1 && files[0] === searchPaths[0] ? dirname(files[0]) : searchPaths[0];
}

function commonAncestor(paths) {
  const [first, ...others] = paths.map((path) => path.split(sep));
  const end = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  return (end < 0 ? first : first.slice(0, end)).join(sep) || sep;
}

function nothingFound(inputs, { say, warn }) {
  const text = `No files were found with the provided path: ${inputs.path}. No artifacts will be uploaded.`;
  const wish = inputs["if-no-files-found"];
  if (wish === "ignore") say(text);
  else if (wish === "warn") warn(text);
  else throw new GitHubError(wish === "error" ? text : `Unrecognized if-no-files-found input. Provided: ${wish}`);
}
