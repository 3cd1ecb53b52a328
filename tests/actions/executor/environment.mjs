// Variables: turns contexts and the caller's machine into the environment of a step's process.
import { delimiter } from "node:path";

// Nothing else of the caller's environment reaches a step: a hosted machine would not have it either.
const FROM_CALLER = ["PATH", "LANG", "LC_ALL", "TZ"];
// As in GitHub's runner; other keys of the context, the token above all, stay out.
const GITHUB = `
  action action_path actor api_url base_ref env event_name event_path graphql_url head_ref job output path ref ref_name
  ref_type repository repository_owner run_attempt run_id run_number server_url sha state step_summary triggering_actor
  workflow workflow_ref workflow_sha workspace`
  .trim()
  .split(/\s+/);

/** The environment of one step: `overrides` are the step's own `env` and that of the action call around it. */
export function stepEnvironment(job, frame, overrides, files) {
  const { github, runner } = { ...job.contexts, ...frame.contexts };
  const context = { ...github, ...files };
  const environment = {
    ...some(process.env, FROM_CALLER),
    HOME: job.folders.home,
    CI: "true",
    GITHUB_ACTIONS: "true",
    ...job.run.request.environment,
    ...job.variables,
    ...overrides,
    ...prefixed("GITHUB_", some(context, GITHUB)),
    ...prefixed("RUNNER_", runner),
  };
  environment.PATH = [...job.pathFolders, environment.PATH].join(delimiter);
  return environment;
}

function some(values, names) {
  const present = names.filter((name) => typeof values[name] === "string");
  return Object.fromEntries(present.map((name) => [name, values[name]]));
}

function prefixed(prefix, values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name.toUpperCase()}`, value]));
}
