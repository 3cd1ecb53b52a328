// Calls: turns a job that `uses` a local workflow into that workflow's jobs, with typed inputs, secrets and outputs.
import { GitHubError, UnsupportedError } from "./errors.mjs";
import { expand, expandStrings, Scope, toData } from "./expressions.mjs";
import { conclusionOf, runJobs } from "./jobs.mjs";
import { loadWorkflow } from "./workflow.mjs";

const DEEPEST = 10;
const EMPTY = { string: "", boolean: false, number: 0 };

/** Runs the called workflow; its result and outputs end in the calling job's record. */
export async function runCall({ run, definition, caller, untouched }, contexts, record) {
  if (!definition.uses.startsWith("./")) {
    throw new UnsupportedError(`the workflow ${definition.uses} of another repository cannot be called here`);
  }
  if (caller.depth >= DEEPEST) throw new GitHubError(`Nested reusable workflow depth exceeded ${DEEPEST}.`);
  const called = await loadWorkflow(run.request.root, definition.uses.slice(2));
  const declared = called.on.workflow_call;
  const scope = new Scope(contexts);
  const inputs = callInputs(declared.inputs ?? {}, definition.with ?? {}, scope);
  const secrets = callSecrets(declared.secrets ?? {}, definition.secrets, caller.contexts.secrets, contexts);
  const { github, vars } = contexts;
  const place = {
    contexts: { github, inputs, vars, secrets },
    id: record.id,
    path: record.path,
    depth: caller.depth + 1,
    untouched,
  };
  const results = await runJobs(run, called, place);
  const outputScope = new Scope({ github, inputs, vars, jobs: results });
  const outputs = Object.entries(declared.outputs ?? {}).map(([name, { value }]) => [name, value]);
  record.outputs = expandStrings(Object.fromEntries(outputs), outputScope);
  record.result = conclusionOf(Object.values(results));
}

function callInputs(declared, given, scope) {
  const values = Object.entries(declared).map(([name, { type, default: preset }]) => {
    const source = name in given ? given[name] : preset;
    return [name, source === undefined ? EMPTY[type] : typed(name, type, expand(source, scope))];
  });
  return Object.fromEntries(values);
}

// GitHub turns anything scalar into text, and nothing else into anything: the text 'true' is no boolean.
function typed(name, type, value) {
  const scalar = value === null || typeof value !== "object";
  if (type === "string" && scalar) return toData(value).coerceString();
  if (type === typeof value) return value;
  throw new GitHubError(`Unexpected value '${JSON.stringify(value)}' for the input '${name}', which is a ${type}`);
}

function callSecrets(declared, given, own, contexts) {
  const secrets = given === "inherit" ? own : expandStrings(given ?? {}, new Scope({ ...contexts, secrets: own }));
  for (const [name, spec] of Object.entries(declared)) {
    if (spec?.required && !(name in secrets)) {
      throw new GitHubError(`Secret ${name} is required, but not provided while calling.`);
    }
  }
  return { ...secrets, GITHUB_TOKEN: own.GITHUB_TOKEN };
}
