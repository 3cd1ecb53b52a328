// actions/cache, and its restore and save halves: turns a key into files of an earlier job, at the end the reverse.
import { relative } from "node:path";
import { GitHubError } from "../errors.mjs";
import { findFiles } from "../glob.mjs";
import { booleanInput } from "./index.mjs";
import { lines } from "./paths.mjs";

const COMMON = { path: null, key: null, enableCrossOsArchive: "false", "upload-chunk-size": "" };
const RESTORE = { ...COMMON, "restore-keys": "", "fail-on-cache-miss": "false", "lookup-only": "false" };

export const cacheRestore = {
  inputs: RESTORE,

  async run({ inputs, job, say, setOutput }) {
    const keys = [inputs.key, ...lines(inputs["restore-keys"])];
    const entry = job.run.caches.find(keys, lines(inputs.path));
    setOutput("cache-primary-key", inputs.key);
    if (!entry) {
      if (booleanInput(inputs, "fail-on-cache-miss")) {
        throw new GitHubError(
          `Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: ${inputs.key}`,
        );
      }
      // On a miss the action sets no cache-hit at all.
      say(`Cache not found for input keys: ${keys.join(", ")}`);
      return undefined;
    }
    if (!booleanInput(inputs, "lookup-only")) job.run.caches.restore(entry, job.folders.workspace);
    say(`Cache restored from key: ${entry.key}`);
    setOutput("cache-hit", entry.key === inputs.key);
    setOutput("cache-matched-key", entry.key);
    return entry;
  },
};

export const cacheSave = {
  inputs: COMMON,

  async run({ inputs, job, say, warn }) {
    const { workspace } = job.folders;
    const found = findFiles(inputs.path, { implicitDescendants: false }, job.folders).files;
    const files = found.map((path) => relative(workspace, path) || ".");
    if (files.length === 0) {
      warn("Path Validation Error: Path(s) specified in the action for caching do(es) not exist, nothing is saved.");
      return;
    }
    const entry = job.run.caches.save(inputs.key, lines(inputs.path), { workspace, files });
    say(
      entry
        ? `Cache saved with key: ${inputs.key}`
        : `Failed to save: another job may have created the cache ${inputs.key}`,
    );
  },
};

export const cache = {
  inputs: { ...RESTORE, "save-always": "false" },

  async run(call) {
    const { inputs, job } = call;
    const entry = await cacheRestore.run(call);
    if (entry?.key === inputs.key || booleanInput(inputs, "lookup-only")) return;
    // Saved when the job has ended well, and never over an exact hit.
    const save = (output) => {
      const say = (text) => output.line(text);
      const warn = (text) => output.reader.annotate("warning", text);
      return cacheSave.run({ inputs, job, say, warn });
    };
    job.posts.push({ name: `Cache ${inputs.key}`, action: save });
  },
};
