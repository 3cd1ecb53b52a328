// What neither linter sees in one file: turns `uses: ./…` of steps and jobs into findings about what they call.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";

/** Findings about every local action and local workflow that `file` calls. */
export function checkLocalCalls(root, file, content) {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines });
  const findings = [];
  const report = (node, message) => {
    const { line, col } = lines.linePos(node.range[0]);
    findings.push({ file, line, column: col, message, tool: "local" });
  };
  visit(document, {
    Map(_key, node) {
      const uses = node.get("uses", true);
      if (!isScalar(uses) || !String(uses.value).startsWith("./")) return;
      const target = String(uses.value).slice(2);
      if (/\.ya?ml$/.test(target)) checkWorkflowCall(root, target, node, uses, report);
      else checkActionCall(root, target, node, uses, report);
    },
  });
  return findings;
}

function checkActionCall(root, target, step, uses, report) {
  const path = ["action.yml", "action.yaml"].map((name) => join(root, target, name)).find(existsSync);
  if (!path) {
    report(uses, `no action.yml in ${target}`);
    return;
  }
  const inputs = parseDocument(readFileSync(path, "utf8")).toJS()?.inputs ?? {};
  const given = step.get("with", true);
  const pairs = isMap(given) ? given.items : [];
  const names = new Set(pairs.map((pair) => String(pair.key.value).toLowerCase()));
  const known = new Set(Object.keys(inputs).map((name) => name.toLowerCase()));
  for (const pair of pairs) {
    if (!known.has(String(pair.key.value).toLowerCase())) {
      report(
        pair.key,
        `the action ${target} has no input "${pair.key.value}"; it has: ${Object.keys(inputs).join(", ") || "none"}`,
      );
    }
  }
  for (const [name, input] of Object.entries(inputs)) {
    if (input?.required === true && input.default === undefined && !names.has(name.toLowerCase())) {
      report(uses, `the action ${target} requires the input "${name}"`);
    }
  }
}

// GitHub's parser knows which inputs exist and are required, but compares no literal with the declared type.
function checkWorkflowCall(root, target, job, uses, report) {
  const path = join(root, target);
  if (!existsSync(path)) {
    report(uses, `no workflow file ${target}`);
    return;
  }
  const inputs = parseDocument(readFileSync(path, "utf8")).toJS()?.on?.workflow_call?.inputs ?? {};
  const given = job.get("with", true);
  for (const pair of isMap(given) ? given.items : []) {
    const type = inputs[pair.key.value]?.type;
    const value = pair.value?.value;
    if (String(value).includes("${{") || !["boolean", "number"].includes(type)) continue;
    if (typeof value !== type) {
      report(pair.value, `the input "${pair.key.value}" of ${target} is a ${type}, not ${JSON.stringify(value)}`);
    }
  }
}
