// Paths in the inputs of actions.
import { resolve } from "node:path";

/** One path, relative to the workspace or to the job's home. */
export function absolutePath(path, { workspace, home }) {
  const expanded = path === "~" || path.startsWith("~/") ? `${home}${path.slice(1)}` : path;
  return resolve(workspace, expanded);
}

/** The lines of a multi-line input. */
export function lines(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
