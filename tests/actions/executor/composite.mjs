// Composite actions: turns a call of a local action into its steps, its outputs and one outcome.
import { join } from "node:path";
import { GitHubError } from "./errors.mjs";
import { expandString, expandStrings } from "./expressions.mjs";
import { runSteps } from "./steps.mjs";
import { loadAction } from "./workflow.mjs";

const DEEPEST = 10;

/** Runs the action of `step.uses` as it stands in the job's workspace. */
export async function runComposite(call) {
  const { job, frame, step, scope, own, output, record, deadline } = call;
  const action = loadAction(job.folders.workspace, step.uses);
  if (frame.depth >= DEEPEST) throw new GitHubError(`composite actions nest deeper than ${DEEPEST}`);
  const github = {
    ...job.contexts.github,
    ...frame.contexts.github,
    action_path: join(job.folders.workspace, step.uses),
  };
  const inputs = actionInputs(action, step, scope, output);
  record.steps = [];
  const inner = {
    depth: frame.depth + 1,
    action: step.uses,
    steps: {},
    overrides: { ...frame.overrides, ...own },
    // An action sees neither secrets nor needs nor variables: what it is to know, it is given.
    contexts: { github, inputs, secrets: undefined, needs: undefined, vars: undefined },
    status: "success",
    records: record.steps,
    output,
    deadline: () => deadline,
  };
  await runSteps(job, inner, action.runs.steps);
  const outputScope = job.stepScope(inner.status, { ...inner.contexts, steps: inner.steps, env: job.variables });
  const sources = Object.entries(action.outputs ?? {}).map(([name, { value }]) => [name, value ?? ""]);
  Object.assign(record.outputs, expandStrings(Object.fromEntries(sources), outputScope));
  return inner.status;
}

function actionInputs(action, step, scope, output) {
  const declared = action.inputs ?? {};
  const given = expandStrings(step.with, scope);
  const byName = new Map(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  const unexpected = Object.keys(given).filter(
    (name) => !Object.keys(declared).some((each) => each.toLowerCase() === name.toLowerCase()),
  );
  if (unexpected.length > 0) {
    output.reader.annotate(
      "warning",
      `Unexpected input(s) '${unexpected.join("', '")}', valid inputs are ['${Object.keys(declared).join("', '")}']`,
    );
  }
  const values = Object.entries(declared).map(([name, spec]) => {
    return [name, byName.get(name.toLowerCase()) ?? expandString(spec?.default ?? "", scope)];
  });
  return Object.fromEntries(values);
}
