// Globs: turns patterns of a workflow, relative to a job's workspace and home, into files or their hash.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { GitHubError } from "./errors.mjs";

const CHILD = join(import.meta.dirname, "glob_child.mjs");

/** The files that the patterns (lines) match, and the search paths that GitHub's globber derives from them. */
export function findFiles(patterns, options, folders) {
  return ask({ patterns, options }, folders);
}

/** What hashFiles() gives for the patterns (lines): empty where no file matches. */
export function hashOfFiles(patterns, folders) {
  return ask({ patterns, hash: true }, folders).hash;
}

function ask(question, { workspace, home }) {
  const env = { ...process.env, HOME: home, GITHUB_WORKSPACE: workspace };
  const options = { cwd: workspace, env, input: JSON.stringify(question), encoding: "utf8", maxBuffer: 2 ** 28 };
  try {
    const text = execFileSync(process.execPath, [CHILD], options);
    return JSON.parse(text.trimEnd().split("\n").at(-1));
  } catch (error) {
    throw new GitHubError(`the patterns cannot be resolved: ${question.patterns}`, { cause: error });
  }
}
