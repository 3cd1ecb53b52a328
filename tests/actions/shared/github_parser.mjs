// GitHub's own workflow parser: turns the text of a workflow or action file into GitHub's findings about it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const PACKAGE_ROOT = join(import.meta.dirname, "..");
const MODULES = join(PACKAGE_ROOT, "node_modules");

// The package imports JSON without an import attribute, which Node refuses; a CommonJS bundle has the JSON inside.
const ENTRY = `
export { parseWorkflow } from "@actions/workflow-parser/workflows/workflow-parser";
export { convertWorkflowTemplate } from "@actions/workflow-parser/model/convert";
export { ensureStatusFunction } from "@actions/workflow-parser/model/converter/if-condition";
export { parseAction } from "@actions/workflow-parser/actions/action-parser";
export { convertActionTemplate } from "@actions/workflow-parser/actions/action-template";
export { NoOperationTraceWriter } from "@actions/workflow-parser/templates/trace-writer";
`;

function loadBundle() {
  const lock = readFileSync(join(PACKAGE_ROOT, "package-lock.json"));
  const digest = createHash("sha256").update(lock).update(ENTRY).digest("hex").slice(0, 16);
  const cache = join(MODULES, ".cache", "e2eshard");
  const bundle = join(cache, `github-parser-${digest}.cjs`);
  if (!existsSync(bundle)) {
    mkdirSync(cache, { recursive: true });
    // Tests run in parallel: each writes its own file, and the rename is atomic.
    const own = `${bundle}.${process.pid}`;
    require("esbuild").buildSync({
      stdin: { contents: ENTRY, resolveDir: PACKAGE_ROOT },
      bundle: true,
      format: "cjs",
      platform: "node",
      target: "node20",
      outfile: own,
      logLevel: "error",
    });
    renameSync(own, bundle);
  }
  return require(bundle);
}

const parser = loadBundle();

/** The findings of GitHub's parser about one workflow and its calls of workflows that `readLocal` can open. */
export async function checkWorkflow(file, content, readLocal) {
  const { context, value } = parser.parseWorkflow({ name: file, content }, new parser.NoOperationTraceWriter());
  if (value) {
    const provider = {
      getFileContent: async (reference) => {
        if ("repository" in reference) throw new Error("only workflows of this repository can be read");
        return { name: reference.path, content: readLocal(reference.path) };
      },
    };
    await parser.convertWorkflowTemplate(context, value, provider, { fetchReusableWorkflowDepth: 1 });
  }
  return findings(context, file);
}

/** The findings of GitHub's parser about one `action.yml`. */
export function checkAction(file, content) {
  const { context, value } = parser.parseAction({ name: file, content }, new parser.NoOperationTraceWriter());
  if (value) parser.convertActionTemplate(context, value);
  return findings(context, file);
}

/** The condition with GitHub's implicit `success() && (...)`, unless it already calls a status function. */
export function withImplicitSuccess(condition, allowedContext) {
  return parser.ensureStatusFunction(condition, { allowedContext });
}

function findings(context, file) {
  return context.errors.getErrors().map((error) => {
    const place = /^(.*?)(?: \(Line: (\d+), Col: (\d+)\))?$/s.exec(error.prefix ?? "");
    return {
      file: place?.[1] || file,
      line: Number(place?.[2] ?? error.range?.start.line ?? 1),
      column: Number(place?.[3] ?? error.range?.start.column ?? 1),
      message: error.rawMessage.split("\n")[0],
      tool: "github",
    };
  });
}
