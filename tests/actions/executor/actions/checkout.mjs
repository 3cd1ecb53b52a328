// actions/checkout: turns the repository, uncommitted files included, into a fresh copy in the job's workspace.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UnsupportedError } from "../errors.mjs";

// What is imitated only at this value: anything else would leave the workspace different from what GitHub makes.
const FIXED = { lfs: "false", submodules: "false", filter: "", "sparse-checkout": "", "ssh-key": "", clean: "true" };

export const checkout = {
  inputs: {
    ...FIXED,
    ...{
      repository: "",
      ref: "",
      path: "",
      "fetch-depth": "1",
      "fetch-tags": "false",
      token: "",
      "persist-credentials": "true",
    },
    ...{ "show-progress": "true", "set-safe-directory": "true" },
  },

  async run({ inputs, job, say, setOutput }) {
    const { github } = job.contexts;
    refuseOthers(inputs, github);
    const folder = resolve(job.folders.workspace, inputs.path);
    const { root } = job.run.request;
    const repository = isRepository(root);
    if (repository) cloneHistory(root, folder, Number(inputs["fetch-depth"]));
    job.run.files ??= repository ? listFiles(root) : undefined;
    copyFiles(root, folder, job.run.files);
    if (repository) git(folder, "reset", "--quiet");
    say(`copied ${job.run.files?.length ?? "all"} files to ${folder}`);
    setOutput("ref", github.ref);
    setOutput("commit", github.sha);
  },
};

function refuseOthers(inputs, github) {
  const other = Object.keys(FIXED).find((name) => inputs[name] !== FIXED[name]);
  if (other) throw new UnsupportedError(`actions/checkout with ${other}: ${inputs[other]} is not imitated`);
  if (inputs.repository && inputs.repository !== github.repository) {
    throw new UnsupportedError(`actions/checkout of another repository is not imitated: ${inputs.repository}`);
  }
  if (inputs.ref && ![github.ref, github.ref_name, github.sha].includes(inputs.ref)) {
    throw new UnsupportedError(`actions/checkout of another ref is not imitated: ${inputs.ref}`);
  }
}

function isRepository(root) {
  return (
    existsSync(join(root, ".git")) && realpathSync(git(root, "rev-parse", "--show-toplevel")) === realpathSync(root)
  );
}

// Programs that ask git for the commit shall see one, and no more history than GitHub's checkout fetches.
function cloneHistory(root, folder, depth) {
  mkdirSync(folder, { recursive: true });
  git(folder, "init", "--quiet");
  if (!hasCommit(root)) return;
  const limit = depth > 0 ? ["--depth", String(depth)] : [];
  git(folder, "fetch", "--quiet", "--no-tags", ...limit, `file://${realpathSync(root)}`, "HEAD");
  git(folder, "update-ref", "--no-deref", "HEAD", "FETCH_HEAD");
}

function hasCommit(root) {
  try {
    git(root, "rev-parse", "--quiet", "--verify", "HEAD");
    return true;
  } catch {
    return false;
  }
}

function listFiles(root) {
  const names = git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0");
  // A file that is deleted but still in the index is gone; a nested repository is listed as a folder.
  return [...new Set(names)].filter(
    (name) => name && !name.endsWith("/") && lstatSync(join(root, name), { throwIfNoEntry: false }),
  );
}

function copyFiles(root, folder, files) {
  if (!files) {
    cpSync(root, folder, { recursive: true, verbatimSymlinks: true });
    return;
  }
  const parents = new Set(files.map((name) => dirname(join(folder, name))));
  for (const parent of parents) mkdirSync(parent, { recursive: true });
  for (const name of files) cpSync(join(root, name), join(folder, name), { verbatimSymlinks: true });
}

function git(folder, ...words) {
  const options = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 2 ** 28 };
  return execFileSync("git", ["-c", "safe.directory=*", "-C", folder, ...words], options).trimEnd();
}
