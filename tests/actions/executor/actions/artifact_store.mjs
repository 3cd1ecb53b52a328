// Artifacts of a run: named, immutable sets of files, kept in one folder each.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { GitHubError } from "../errors.mjs";

const MOST_OF_A_JOB = 500;
// The names of the characters as GitHub's toolkit lists them; a name must not contain slashes either.
const BAD_IN_PATH = {
  '"': 'Double quote "',
  ":": "Colon :",
  "<": "Less than <",
  ">": "Greater than >",
  "|": "Vertical bar |",
};
const BAD = {
  ...BAD_IN_PATH,
  "*": "Asterisk *",
  "?": "Question mark ?",
  "\r": "Carriage return \\r",
  "\n": "Line feed \\n",
};
const BAD_IN_NAME = { ...BAD, "\\": "Backslash \\", "/": "Forward slash /" };

export class ArtifactStore {
  constructor(folder, { attempt }) {
    this.folder = folder;
    this.attempt = attempt;
    this.index = join(folder, "index.json");
  }

  list() {
    return existsSync(this.index) ? JSON.parse(readFileSync(this.index, "utf8")) : [];
  }

  /** Stores files under paths relative to `root`; modes are lost, as in GitHub's archives. */
  add(name, { root, files, overwrite, job }) {
    refuseCharacters("artifact name", name, BAD_IN_NAME);
    if ([".", ".."].includes(name)) throw new GitHubError(`The artifact name is not valid: ${name}`);
    const entries = this.list();
    const same = entries.find((entry) => entry.name === name);
    if (same && !overwrite) {
      throw new GitHubError(
        "Failed to CreateArtifact: Received non-retryable error: Failed request: (409) Conflict: " +
          `an artifact with this name already exists on the workflow run: ${name}`,
      );
    }
    if (entries.filter((entry) => entry.job === job).length >= MOST_OF_A_JOB) {
      throw new GitHubError(`a job may upload ${MOST_OF_A_JOB} artifacts at most`);
    }
    const folder = join(this.folder, "files", name);
    rmSync(folder, { recursive: true, force: true });
    const stored = files.map((file) => this.#store(file, relative(root, file), folder));
    const id = 1 + Math.max(0, ...entries.map((entry) => entry.id));
    const size = stored.reduce((total, { bytes }) => total + bytes, 0);
    const entry = {
      id,
      name,
      job,
      attempt: this.attempt,
      files: stored.map(({ path }) => path).sort(),
      bytes: size,
      folder,
    };
    const kept = entries.filter((each) => each !== same);
    writeFileSync(this.index, JSON.stringify([...kept, entry], undefined, 2));
    return entry;
  }

  #store(file, path, folder) {
    refuseCharacters("path", path, BAD);
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
    chmodSync(target, 0o644);
    return { path, bytes: statSync(target).size };
  }

  /** Copies the files of one artifact into a folder. */
  extract({ folder, files }, target) {
    mkdirSync(target, { recursive: true });
    for (const path of files) {
      mkdirSync(dirname(join(target, path)), { recursive: true });
      copyFileSync(join(folder, path), join(target, path));
    }
  }
}

function refuseCharacters(kind, text, bad) {
  const found = Object.keys(bad).find((character) => text.includes(character));
  if (found) {
    throw new GitHubError(`The ${kind} is not valid: ${text}. Contains the following character: ${bad[found]}`);
  }
}
