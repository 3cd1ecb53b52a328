// One job on one machine: turns a job's definition into steps run in a fresh workspace, a result and outputs.
import { mkdirSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { GitHubError } from "./errors.mjs";
import { expand, expandString, expandStrings, Scope } from "./expressions.mjs";
import { hashFilesFunction, statusFunctionsOf } from "./functions.mjs";
import { endGroups } from "./process.mjs";
import { runPosts, runSteps } from "./steps.mjs";

const LARGEST_OUTPUTS = 1024 * 1024;
const DEFAULT_MINUTES = 360;
const ARCHITECTURES = { x64: "X64", arm64: "ARM64" };

/** The state of a running job. */
class Job {
  constructor({ run, workflow, id, definition, caller }, contexts, record) {
    this.run = run;
    this.record = record;
    this.definition = definition;
    this.folders = jobFolders(run.folder(record));
    const { workspace, temp } = this.folders;
    const github = { ...contexts.github, job: id, workspace, event_path: join(temp, "event.json"), action: "" };
    this.contexts = { ...contexts, secrets: caller.contexts.secrets, github };
    this.scope = new Scope(this.contexts);
    this.defaults = { ...workflow.defaults?.run, ...definition.defaults?.run };
    this.variables = {}; // workflow, job and GITHUB_ENV, newest last
    this.pathFolders = []; // newest first
    this.posts = [];
    this.groups = new Set();
    this.status = "success";
    this.deadline = Number.POSITIVE_INFINITY;
  }

  /** Makes the machine and evaluates what the job's definition says about it. */
  prepare(workflow) {
    for (const folder of Object.values(this.folders)) mkdirSync(folder, { recursive: true });
    writeFileSync(this.contexts.github.event_path, JSON.stringify(this.contexts.github.event));
    const { definition, record } = this;
    const { secrets: _hidden, ...visible } = this.contexts;
    const scope = new Scope(visible);
    record.runs_on = runnerLabels(expand(definition["runs-on"], scope));
    record.container = jobContainer(expand(definition.container, this.scope));
    record.environment = expand(definition.environment, scope);
    if (record.container) record.notes.push("the job's container is not imitated: its steps ran on this machine");
    const minutes = Number(expand(definition["timeout-minutes"], scope) ?? DEFAULT_MINUTES);
    this.deadline = Date.now() + minutes * this.run.request.minuteMs;
    this.contexts.runner = runnerContext(record.runs_on, this.folders);
    const workflowVariables = expandStrings(workflow.env, this.scope);
    this.variables = { ...workflowVariables, ...expandStrings(definition.env, this.scope) };
    this.defaults = expandStrings(this.defaults, this.scope);
  }

  /** What an expression of a step sees; `status` is that of the job or of the composite action. */
  stepScope(status, contexts) {
    const functions = [...statusFunctionsOf(status), hashFilesFunction(this.folders)];
    return new Scope({ ...this.contexts, job: { status: this.status }, ...contexts }, functions);
  }

  timeIsUp() {
    return Date.now() >= this.deadline;
  }
}

function jobFolders(folder) {
  return Object.fromEntries(["workspace", "home", "temp", "tools", "logs"].map((name) => [name, join(folder, name)]));
}

function runnerContext(labels, { temp, tools }) {
  return {
    os: "Linux",
    arch: ARCHITECTURES[arch()] ?? arch().toUpperCase(),
    name: "local",
    environment: labels.includes("self-hosted") ? "self-hosted" : "github-hosted",
    temp,
    tool_cache: tools,
  };
}

/** Runs the job; its result, steps and outputs end in its record. */
export async function runSteppedJob(place, contexts, record) {
  const job = new Job(place, contexts, record);
  const frame = {
    depth: 0,
    steps: {},
    overrides: {},
    contexts: {},
    status: "success",
    records: record.steps,
    deadline: () => job.deadline,
  };
  job.prepare(place.workflow);
  try {
    await runSteps(job, frame, place.definition.steps);
    await runPosts(job, frame);
    record.outputs = jobOutputs(job, frame);
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    record.error = error.message;
    job.status = "failure";
  } finally {
    endGroups(job.groups);
  }
  record.result = job.status;
  record.workspace = job.folders.workspace;
}

function jobOutputs(job, frame) {
  const scope = job.stepScope(job.status, { steps: frame.steps, env: job.variables });
  const outputs = {};
  for (const [name, source] of Object.entries(job.definition.outputs ?? {})) {
    const value = expandString(source, scope);
    if (value === "") continue;
    if (job.run.masks.hide(value) === value) outputs[name] = value;
    else warn(job, `Skip output '${name}' since it may contain secret.`);
  }
  // GitHub counts UTF-16.
  const size = 2 * Object.entries(outputs).flat().join("").length;
  if (size <= LARGEST_OUTPUTS) return outputs;
  throw new GitHubError(`The job's outputs are ${size} bytes; GitHub takes ${LARGEST_OUTPUTS} at most`);
}

function warn(job, message) {
  job.record.annotations.push({ level: "warning", message });
}

function runnerLabels(runsOn) {
  const mapping = runsOn !== null && typeof runsOn === "object" && !Array.isArray(runsOn);
  const list = mapping ? [runsOn.labels ?? [], runsOn.group ?? []].flat() : [runsOn].flat();
  if (list.length === 0 || !list.every((label) => typeof label === "string" && label)) {
    throw new GitHubError(`Unexpected value for runs-on: ${JSON.stringify(runsOn)}`);
  }
  return list;
}

// An empty image means no container: that is how one definition serves jobs with and without.
function jobContainer(container) {
  if (container === null || container === undefined || container === "" || container.image === "") return undefined;
  const { image, options, env, ports, volumes, credentials, ...unknown } =
    typeof container === "string" ? { image: container } : container;
  const texts = [image, options ?? "", ...Object.values(env ?? {}), ...(ports ?? []), ...(volumes ?? [])];
  if (Object.keys(unknown).length > 0 || texts.some((text) => typeof text !== "string")) {
    throw new GitHubError(`Unexpected value for container: ${JSON.stringify(container)}`);
  }
  return { image, options, env, ports, volumes, credentials: credentials && "***" };
}
