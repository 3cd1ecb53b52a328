// Well-known actions: turns `uses: owner/repo@ref` into a stand-in that behaves like the action on one machine.
import { GitHubError, UnsupportedError } from "../errors.mjs";
import { expandStrings } from "../expressions.mjs";
import { cache, cacheRestore, cacheSave } from "./cache.mjs";
import { checkout } from "./checkout.mjs";
import { downloadArtifact } from "./download_artifact.mjs";
import { setupPython } from "./setup_python.mjs";
import { uploadArtifact } from "./upload_artifact.mjs";

/** A stand-in has `inputs` (name -> default, `null` where one must be given) and `run(call)`. */
const ACTIONS = {
  "actions/cache": cache,
  "actions/cache/restore": cacheRestore,
  "actions/cache/save": cacheSave,
  "actions/checkout": checkout,
  "actions/download-artifact": downloadArtifact,
  "actions/setup-python": setupPython,
  "actions/upload-artifact": uploadArtifact,
};

/** Runs the stand-in of the step's action; the outcome is "success", or an error says why not. */
export async function runAction({ job, step, scope, record, output }) {
  const [name, ref] = step.uses.split("@");
  const action = ACTIONS[name];
  if (!action) {
    throw new UnsupportedError(
      `no stand-in for the action ${step.uses}; there are: ${Object.keys(ACTIONS).join(", ")}`,
    );
  }
  if (!ref) throw new GitHubError(`the action ${step.uses} names no version`);
  const given = expandStrings(step.with, scope);
  const inputs = actionInputs(name, action, given);
  output.log.write(`##[group]Run ${step.uses} (a local stand-in)`);
  for (const [key, value] of Object.entries(given)) output.line(`  ${key}: ${value}`);
  output.log.write("##[endgroup]");
  await action.run({
    inputs,
    job,
    output,
    say: (text) => output.line(text),
    warn: (text) => output.reader.annotate("warning", text),
    setOutput: (key, value) => {
      record.outputs[key] = String(value);
    },
  });
  return "success";
}

function actionInputs(name, { inputs: known }, given) {
  const unknown = Object.keys(given).filter((key) => !(key in known));
  if (unknown.length > 0) {
    throw new UnsupportedError(
      `the stand-in for ${name} has no input '${unknown.join("', '")}'; it has: ${Object.keys(known).join(", ")}`,
    );
  }
  const inputs = { ...known, ...Object.fromEntries(Object.entries(given).map(([key, value]) => [key, value.trim()])) };
  const missing = Object.keys(inputs).find(
    (key) => inputs[key] === null || (inputs[key] === "" && known[key] === null),
  );
  if (missing) throw new GitHubError(`Input required and not supplied: ${missing}`);
  return inputs;
}

/** `true` or `false`, as the toolkit reads a boolean input. */
export function booleanInput(inputs, name) {
  if (["true", "True", "TRUE"].includes(inputs[name])) return true;
  if (["false", "False", "FALSE"].includes(inputs[name])) return false;
  throw new GitHubError(`Input does not meet YAML 1.2 "Core Schema" specification: ${name}`);
}
