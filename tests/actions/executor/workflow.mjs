// Workflow files: turns a file that GitHub's parser accepts into plain values, and refuses what is not imitated.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { checkAction, checkWorkflow } from "../shared/github_parser.mjs";
import { GitHubError, UnsupportedError } from "./errors.mjs";

const words = (text) => text.trim().split(/\s+/);
const STEP = words("id if name uses run working-directory shell with env continue-on-error");
const KEYS = {
  workflow: words("name run-name on permissions env defaults concurrency jobs"),
  job: words(`name needs if permissions runs-on environment concurrency outputs env defaults steps timeout-minutes
    strategy continue-on-error container`),
  call: words("name uses with secrets needs if permissions concurrency strategy"),
  step: [...STEP, "timeout-minutes"],
  "composite step": STEP,
};

/** One workflow; `on` is a mapping from events to their settings, whichever way it was written. */
export async function loadWorkflow(root, file) {
  const path = join(root, file);
  if (!existsSync(path)) throw new UnsupportedError(`no workflow file ${file} in ${root}`);
  const content = readFileSync(path, "utf8");
  refuse(file, await checkWorkflow(file, content, (called) => readFileSync(join(root, called), "utf8")));
  const workflow = parse(content);
  checkKeys("workflow", workflow, file);
  for (const [id, job] of Object.entries(workflow.jobs)) {
    checkKeys(job.uses ? "call" : "job", job, `${file}, job ${id}`);
    for (const step of job.steps ?? []) checkKeys("step", step, `${file}, job ${id}`);
  }
  return { ...workflow, file, on: normaliseOn(workflow.on) };
}

/** The composite action in `folder` of a job's workspace, which need not be what is committed. */
export function loadAction(workspace, folder) {
  const path = ["action.yml", "action.yaml"].map((name) => join(workspace, folder, name)).find(existsSync);
  if (!path) {
    throw new GitHubError(
      `Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '${folder}'. ` +
        "Did you forget to run actions/checkout before running your local action?",
    );
  }
  const content = readFileSync(path, "utf8");
  refuse(folder, checkAction(folder, content));
  const action = parse(content);
  if (action.runs.using !== "composite") {
    throw new UnsupportedError(
      `${folder}: an action that runs with '${action.runs.using}' is not imitated, only composite ones`,
    );
  }
  for (const step of action.runs.steps) checkKeys("composite step", step, folder);
  return action;
}

/** The jobs' ids in an order in which every job comes after what it needs. */
export function jobOrder(jobs) {
  const order = [];
  const visit = (id) => {
    if (order.includes(id)) return;
    for (const need of needsOf(jobs[id])) visit(need);
    order.push(id);
  };
  for (const id of Object.keys(jobs)) visit(id);
  return order;
}

export function needsOf(job) {
  return [job.needs ?? []].flat();
}

/** All jobs that must have ended before this one, near and far: success() and failure() look at all of them. */
export function ancestorsOf(jobs, id) {
  const found = new Set();
  const visit = (each) => {
    for (const need of needsOf(jobs[each])) {
      if (found.has(need)) continue;
      found.add(need);
      visit(need);
    }
  };
  visit(id);
  return [...found];
}

function normaliseOn(on) {
  if (typeof on === "string") return { [on]: {} };
  if (Array.isArray(on)) return Object.fromEntries(on.map((event) => [event, {}]));
  return Object.fromEntries(Object.entries(on).map(([event, settings]) => [event, settings ?? {}]));
}

function refuse(file, findings) {
  if (findings.length === 0) return;
  const lines = findings.map((each) => `${each.file}:${each.line}:${each.column}: ${each.message}`);
  throw new GitHubError(`The workflow is not valid. ${file}\n${lines.join("\n")}`);
}

function checkKeys(kind, value, place) {
  const unknown = Object.keys(value).filter((key) => !KEYS[kind].includes(key));
  if (unknown.length > 0) {
    throw new UnsupportedError(`${place}: '${unknown.join("', '")}' of a ${kind} is not imitated`);
  }
}
