// The graph of jobs: turns a workflow's jobs into results, in the order of `needs`, by `if` and matrix.
import { runCall } from "./call.mjs";
import { GitHubError } from "./errors.mjs";
import { condition, expand, expandString, Scope } from "./expressions.mjs";
import { statusFunctions } from "./functions.mjs";
import { runSteppedJob } from "./job.mjs";
import { expandStrategy } from "./matrix.mjs";
import { ancestorsOf, jobOrder, needsOf } from "./workflow.mjs";

/**
 * Runs all jobs of a workflow; returns {result, outputs} by job id.
 * `caller` says where this workflow stands: its contexts, the id, path and depth of the job that called it, and whether
 * everything that this job needs is as the attempt before left it.
 */
export async function runJobs(run, workflow, caller) {
  const graph = { run, workflow, caller, results: {}, kept: new Set() };
  for (const id of jobOrder(workflow.jobs)) {
    const { kept, ...result } = await runJob(graph, id);
    graph.results[id] = result;
    if (kept) graph.kept.add(id);
  }
  return graph.results;
}

/** One conclusion for several jobs; what `continue-on-error` forgave is a success already. */
export function conclusionOf(results) {
  const found = new Set(results.map(({ result }) => result));
  return ["failure", "cancelled", "success"].find((result) => found.has(result)) ?? "skipped";
}

async function runJob({ run, workflow, caller, results, kept }, id) {
  const definition = workflow.jobs[id];
  const direct = needsOf(definition);
  const needs = Object.fromEntries(direct.map((need) => [need, results[need]]));
  const { secrets: _unavailable, ...contexts } = { ...caller.contexts, needs };
  const untouched = caller.untouched && direct.every((need) => kept.has(need));
  const place = { run, workflow, id, definition, caller, contexts, untouched };
  let configurations;
  try {
    const functions = jobStatusFunctions(ancestorsOf(workflow.jobs, id).map((each) => results[each].result));
    if (!condition(definition.if, new Scope(contexts, functions))) {
      return { ...end(openRecord(place), "skipped"), kept: untouched };
    }
    configurations = expandStrategy(expand(definition.strategy, new Scope(contexts)));
  } catch (error) {
    return fail(openRecord(place), error);
  }
  return runConfigurations(place, configurations);
}

// A skipped ancestor, however far, makes success() false: GitHub skips along the whole chain.
function jobStatusFunctions(ancestors) {
  return statusFunctions({
    success: ancestors.every((result) => result === "success"),
    failure: ancestors.includes("failure"),
    cancelled: false, // nobody cancels a local run
  });
}

async function runConfigurations(place, configurations) {
  const outcomes = [];
  let stopped = false;
  for (const configuration of configurations) {
    const record = openRecord(place, configuration);
    // One after the other: with fail-fast, those that have not begun are the ones that GitHub would cancel.
    const outcome = stopped ? end(record, "cancelled") : await runConfiguration(place, configuration, record);
    stopped ||= record.result === "failure" && outcome.result === "failure" && configuration.strategy["fail-fast"];
    outcomes.push(outcome);
  }
  const set = outcomes.flatMap(({ outputs }) => Object.entries(outputs)).filter(([, value]) => value !== "");
  const kept = outcomes.every((outcome) => outcome.kept);
  return { result: conclusionOf(outcomes), outputs: Object.fromEntries(set), kept };
}

async function runConfiguration(place, { matrix, strategy }, record) {
  const contexts = { ...place.contexts, matrix, strategy };
  if (place.untouched && place.run.keep(record)) return { result: "success", outputs: record.outputs, kept: true };
  try {
    record.name = displayName(place, contexts, record);
    if (place.definition.uses) await runCall(place, contexts, record);
    else await runSteppedJob(place, contexts, record);
    const forgiven = expand(place.definition["continue-on-error"], new Scope(contexts)) === true;
    // `needs` and the run's conclusion see a forgiven failure as success; the job itself keeps its red mark.
    return { result: forgiven && record.result === "failure" ? "success" : record.result, outputs: record.outputs };
  } catch (error) {
    return fail(record, error);
  }
}

function openRecord({ run, workflow, id, definition, caller, contexts }, { matrix = null, labels = [] } = {}) {
  const suffix = labels.length > 0 ? ` (${labels.join(", ")})` : "";
  return run.open({
    id: `${caller.id && `${caller.id}/`}${id}${suffix}`,
    path: `${caller.path && `${caller.path}/`}${id}`,
    name: `${definition.name ?? id}${suffix}`,
    workflow: workflow.file,
    matrix,
    inputs: contexts.inputs,
    permissions: definition.permissions ?? workflow.permissions ?? null,
    uses: definition.uses,
  });
}

// A name with an expression stands as it is; to any other, GitHub appends the matrix's values.
function displayName({ definition }, contexts, record) {
  const dynamic = String(definition.name ?? "").includes("${{");
  return dynamic ? expandString(definition.name, new Scope(contexts)) : record.name;
}

function end(record, result) {
  record.result = result;
  return { result, outputs: {} };
}

function fail(record, error) {
  if (!(error instanceof GitHubError)) throw error;
  record.error = error.message;
  return end(record, "failure");
}
