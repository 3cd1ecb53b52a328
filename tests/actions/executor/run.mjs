// A run: the state that all jobs share, and its end as one JSON file.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ArtifactStore } from "./actions/artifact_store.mjs";
import { CacheStore } from "./actions/cache_store.mjs";
import { Masks } from "./commands.mjs";
import { GitHubError, UnsupportedError } from "./errors.mjs";
import { triggerContexts } from "./event.mjs";
import { conclusionOf, runJobs } from "./jobs.mjs";
import { Replacements } from "./selectors.mjs";
import { loadWorkflow } from "./workflow.mjs";

export class Run {
  constructor(request, earlier) {
    this.request = request;
    this.earlier = earlier; // the records of the attempt before this one, where only what failed runs again
    this.jobs = [];
    this.masks = new Masks(Object.values(request.secrets));
    this.replacements = new Replacements(request.substitutions, request.sabotages);
    this.artifacts = new ArtifactStore(join(request.out, "artifacts"), { attempt: request.attempt });
    this.caches = new CacheStore(request.cache);
    this.files = undefined; // the list of the repository's files, read by the first checkout
  }

  /** Opens the record of one job; its place in the list is the order in which jobs came up. */
  open(fields) {
    const blank = {
      result: undefined,
      outputs: {},
      error: undefined,
      steps: [],
      summary: "",
      annotations: [],
      notes: [],
    };
    const record = { ...fields, ...blank };
    this.jobs.push(record);
    return record;
  }

  /** Whether the earlier attempt has this job as a success: then its record, and those of the jobs it called, stand. */
  keep(record) {
    const same = this.earlier.find(({ id }) => id === record.id);
    if (same?.result !== "success") return false;
    Object.assign(record, same);
    this.jobs.push(...this.earlier.filter(({ id }) => id.startsWith(`${record.id}/`)));
    return true;
  }

  /** A folder for a job: its id, made safe, and a number, for ids may differ in unsafe characters only. */
  folder(record) {
    const number = String(this.jobs.indexOf(record)).padStart(3, "0");
    const name = record.id.replaceAll(/[^\w.-]+/g, "-").slice(0, 80);
    return join(this.request.out, "jobs", `${this.request.attempt}-${number}-${name}`);
  }
}

/** Runs one workflow and returns the result that is also in `OUT/result.json`. */
export async function runWorkflow(wish) {
  const { earlier, request } = wish.rerunFailed ? nextAttempt(wish) : firstAttempt(wish);
  const run = new Run(request, earlier);
  const { conclusion, error } = await runEntry(run);
  const result = {
    workflow: request.workflow,
    event: request.event,
    attempt: request.attempt,
    conclusion,
    error,
    jobs: run.jobs,
    artifacts: run.artifacts.list().map(({ folder, ...rest }) => ({ ...rest, path: folder })),
  };
  writeFileSync(join(request.out, "result.json"), `${JSON.stringify(result, undefined, 2)}\n`);
  if (!error) run.replacements.checkUsed();
  return result;
}

// As at GitHub: who runs everything again begins with no artifact of before.
function firstAttempt(request) {
  for (const name of ["jobs", "artifacts", "result.json"])
    rmSync(join(request.out, name), { recursive: true, force: true });
  mkdirSync(request.out, { recursive: true });
  return { earlier: [], request };
}

// "Re-run failed jobs": what succeeded stands, with its outputs and artifacts.
function nextAttempt(request) {
  const path = join(request.out, "result.json");
  if (!existsSync(path)) throw new UnsupportedError(`no earlier attempt in ${request.out}`);
  const { attempt, jobs } = JSON.parse(readFileSync(path, "utf8"));
  return { earlier: jobs, request: { ...request, attempt: attempt + 1 } };
}

async function runEntry(run) {
  try {
    const workflow = await loadWorkflow(run.request.root, run.request.workflow);
    const { github, inputs } = triggerContexts(run.request, workflow);
    const contexts = { github, inputs, vars: run.request.vars, secrets: run.request.secrets };
    const results = await runJobs(run, workflow, { contexts, id: "", path: "", depth: 1, untouched: true });
    return { conclusion: conclusionOf(Object.values(results)) };
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    return { conclusion: "failure", error: error.message };
  }
}
