// File commands: turns what a step wrote to GITHUB_OUTPUT, _ENV, _PATH, _STATE and _STEP_SUMMARY into values.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GitHubError } from "./errors.mjs";

const NAMES = ["output", "env", "path", "state", "step_summary"];
const LARGEST_SUMMARY = 1024 * 1024;

/** Five empty files for one step. */
export class CommandFiles {
  constructor(folder, prefix) {
    mkdirSync(folder, { recursive: true });
    this.paths = Object.fromEntries(NAMES.map((name) => [name, join(folder, `${prefix}-${name}`)]));
    for (const path of Object.values(this.paths)) writeFileSync(path, "");
  }

  outputs() {
    return this.#pairs("output");
  }

  state() {
    return this.#pairs("state");
  }

  /** New variables of the job; GitHub refuses to set NODE_OPTIONS this way. */
  variables() {
    const pairs = this.#pairs("env");
    if (Object.keys(pairs).some((name) => name.toUpperCase() === "NODE_OPTIONS")) {
      throw new GitHubError("Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.");
    }
    return pairs;
  }

  folders() {
    return this.#text("path").split("\n").filter(Boolean);
  }

  /** The step's summary, and a note where GitHub would drop it. */
  summary() {
    const text = this.#text("step_summary");
    const size = Buffer.byteLength(text);
    if (size <= LARGEST_SUMMARY) return { text };
    const limit = LARGEST_SUMMARY / 1024;
    const got = Math.floor(size / 1024);
    const note = `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of ${limit}k, got ${got}k.`;
    return { text: "", note };
  }

  #pairs(name) {
    try {
      return parsePairs(this.#text(name));
    } catch (error) {
      throw new GitHubError(`Unable to process file command '${name}' successfully. ${error.message}`, {
        cause: error,
      });
    }
  }

  #text(name) {
    return readFileSync(this.paths[name], "utf8");
  }
}

/** `name=value` lines and `name<<END … END` blocks, by the rules of GitHub's runner. */
export function parsePairs(text) {
  const lines = text.split("\n");
  const result = {};
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (!line) continue;
    const [equals, block] = [line.indexOf("="), line.indexOf("<<")];
    if (equals >= 0 && (block < 0 || equals < block)) {
      result[line.slice(0, equals)] = line.slice(equals + 1);
    } else if (block >= 0) {
      const [name, delimiter] = [line.slice(0, block), line.slice(block + 2)];
      if (!name || !delimiter) {
        throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`);
      }
      const end = lines.indexOf(delimiter, i + 1);
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
      result[name] = lines.slice(i + 1, end).join("\n");
      i = end;
    } else {
      throw new Error(`Invalid format '${line}'`);
    }
  }
  return result;
}
