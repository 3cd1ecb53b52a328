// Caches of a repository: archives by key, kept in one folder that outlives a run where the caller wishes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GitHubError } from "../errors.mjs";

const MOST_KEYS = 10;
const LONGEST_KEY = 512;

export class CacheStore {
  constructor(folder) {
    this.folder = folder;
    this.index = join(folder, "index.json");
  }

  /** The entry of the first key, else the newest that a key is a prefix of; paths are part of an entry's identity. */
  find(keys, paths) {
    checkKeys(keys);
    const version = versionOf(paths);
    const entries = this.#entries().filter((entry) => entry.version === version);
    const exact = entries.find((entry) => entry.key === keys[0]);
    if (exact) return exact;
    for (const key of keys) {
      const found = entries.findLast((entry) => entry.key.startsWith(key));
      if (found) return found;
    }
    return undefined;
  }

  /** Stores files (paths relative to `workspace`); an existing key is never replaced. */
  save(key, paths, { workspace, files }) {
    checkKeys([key]);
    const version = versionOf(paths);
    const entries = this.#entries();
    if (entries.some((entry) => entry.key === key && entry.version === version)) return undefined;
    mkdirSync(this.folder, { recursive: true });
    const archive = join(this.folder, `${createHash("sha256").update(`${version} ${key}`).digest("hex")}.tar`);
    const list = `${archive}.list`;
    writeFileSync(list, files.join("\0"));
    // Absolute names (-P) keep `../`: a cached path may lie in the home beside the workspace.
    execFileSync("tar", ["-cf", archive, "-P", "-C", workspace, "--null", "--files-from", list]);
    rmSync(list);
    const entry = { key, version, archive };
    writeFileSync(this.index, JSON.stringify([...entries, entry], undefined, 2));
    return entry;
  }

  restore(entry, workspace) {
    execFileSync("tar", ["-xf", entry.archive, "-P", "-C", workspace]);
  }

  #entries() {
    return existsSync(this.index) ? JSON.parse(readFileSync(this.index, "utf8")) : [];
  }
}

function versionOf(paths) {
  return createHash("sha256").update(paths.join("|")).digest("hex");
}

function checkKeys(keys) {
  if (keys.length > MOST_KEYS) {
    throw new GitHubError(`Key Validation Error: Keys are limited to a maximum of ${MOST_KEYS}.`);
  }
  for (const key of keys) {
    if (key.length > LONGEST_KEY) {
      throw new GitHubError(`Key Validation Error: ${key} cannot be larger than ${LONGEST_KEY} characters.`);
    }
    if (key.includes(",")) throw new GitHubError(`Key Validation Error: ${key} cannot contain commas.`);
  }
}
