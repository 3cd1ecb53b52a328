// Lints the workflows and composite actions of a repository: node lint.mjs [ROOT]. Exit 0 clean, 1 findings, 2 none.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { actionlint } from "./lint/actionlint.mjs";
import { checkLocalCalls } from "./lint/local_calls.mjs";
import { checkAction, checkWorkflow } from "./shared/github_parser.mjs";

function workflowFiles(root) {
  return list(root, ".github/workflows").filter((file) => /\.ya?ml$/.test(file));
}

function actionFiles(root) {
  return list(root, ".github/actions")
    .flatMap((folder) => [`${folder}/action.yml`, `${folder}/action.yaml`])
    .filter((file) => existsSync(join(root, file)));
}

function list(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .sort()
    .map((name) => `${folder}/${name}`);
}

async function lintWorkflow(root, file) {
  const content = readFileSync(join(root, file), "utf8");
  return [
    ...(await actionlint(root, file, content)),
    ...(await checkWorkflow(file, content, (path) => readFileSync(join(root, path), "utf8"))),
    ...checkLocalCalls(root, file, content),
  ];
}

function lintAction(root, file) {
  const content = readFileSync(join(root, file), "utf8");
  return [...checkAction(file, content), ...checkLocalCalls(root, file, content)];
}

/** One line a finding, in file order; those of a called workflow come up through each caller and are said once. */
function report(findings) {
  const order = (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column;
  const lines = findings
    .sort(order)
    .map(({ file, line, column, message, tool }) => `${file}:${line}:${column}: ${message} [${tool}]`);
  return [...new Set(lines)];
}

async function main(root) {
  const workflows = workflowFiles(root);
  const actions = actionFiles(root);
  if (workflows.length === 0) {
    console.error(`no workflow files under ${join(root, ".github/workflows")}: nothing was linted`);
    return 2;
  }
  const findings = [];
  // One after the other: actionlint's WebAssembly instance is shared.
  for (const file of workflows) findings.push(...(await lintWorkflow(root, file)));
  for (const file of actions) findings.push(...lintAction(root, file));
  const lines = report(findings);
  for (const line of lines) console.log(line);
  console.log(`${count(workflows, "workflow file")}, ${count(actions, "action")}, ${count(lines, "finding")}`);
  return lines.length === 0 ? 0 : 1;
}

function count(items, noun) {
  return `${items.length} ${noun}${items.length === 1 ? "" : "s"}`;
}

process.exitCode = await main(process.argv[2] ?? ".");
