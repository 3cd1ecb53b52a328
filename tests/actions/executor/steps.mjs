// Steps: turns a list of steps, of a job or of a composite action, into outcomes, in order and by their `if`.
import { runAction } from "./actions/index.mjs";
import { CommandReader } from "./commands.mjs";
import { runComposite } from "./composite.mjs";
import { GitHubError, UnsupportedError } from "./errors.mjs";
import { condition, expand, expandString, expandStrings } from "./expressions.mjs";
import { StepLog } from "./log.mjs";
import { runScript } from "./script.mjs";

/**
 * Runs steps one after the other. A frame is what the steps of one list share: their `steps` context, the status that
 * success() asks for, variables from the calling step, extra contexts, and (in an action) the action's path.
 */
export async function runSteps(job, frame, steps) {
  for (const [index, step] of steps.entries()) {
    const record = {
      name: displayName(step),
      id: step.id,
      outcome: undefined,
      conclusion: undefined,
      seconds: 0,
      outputs: {},
    };
    frame.records.push(record);
    const output = frame.output ?? openOutput(job, record, index);
    await runTimed(job, frame, step, record, output);
    if (!frame.output) closeOutput(job, record, output);
    if (step.id) {
      frame.steps[step.id] = { outputs: record.outputs, outcome: record.outcome, conclusion: record.conclusion };
    }
    settle(job, frame, record);
  }
}

/** What actions registered for the end of the job, the last first; they run only where the job is well. */
export async function runPosts(job, frame) {
  for (const { name, action } of job.posts.reverse()) {
    const record = { name: `Post ${name}`, outcome: "success", conclusion: "success", seconds: 0, outputs: {} };
    if (job.status !== "success") record.outcome = record.conclusion = "skipped";
    frame.records.push(record);
    const output = openOutput(job, record, frame.records.length);
    if (record.outcome === "success") await action(output);
    closeOutput(job, record, output);
  }
}

function openOutput(job, record, index) {
  const log = new StepLog(job.folders.logs, index, record.name);
  record.log = log.path;
  const reader = new CommandReader({ masks: job.run.masks, setOutput: () => {} });
  return { log, reader, line: (text) => log.write(reader.read(text)) };
}

function closeOutput(job, record, { reader, log }) {
  log.close();
  job.record.annotations.push(...reader.annotations.map((each) => ({ ...each, step: record.name })));
  if (reader.dropped > 0) {
    job.record.notes.push(`${reader.dropped} annotations over GitHub's limit of 10 of a kind: ${record.name}`);
  }
}

async function runTimed(job, frame, step, record, output) {
  const started = performance.now();
  output.reader.setOutput = (name, value) => {
    record.outputs[name] = value;
  };
  const env = { ...job.variables, ...frame.overrides };
  let scope = job.stepScope(frame.status, { ...frame.contexts, steps: frame.steps, env });
  try {
    const own = expandStrings(step.env, scope);
    scope = scope.with({ env: { ...env, ...own } });
    record.name = bestName(step, scope);
    const replacement = job.run.replacements.find(job.record.path, frame.action, step);
    if (condition(step.if, scope)) {
      const call = { job, frame, step, record, scope, own, output, deadline: deadlineOf(job, frame, step, scope) };
      record.outcome = await execute(call, replacement);
    } else record.outcome = "skipped";
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    output.reader.annotate("error", error.message);
    output.line(`##[error]${error.message}`);
    record.outcome = "failure";
  }
  const forgiven = record.outcome === "failure" && expand(step["continue-on-error"], scope) === true;
  record.conclusion = forgiven ? "success" : record.outcome;
  record.seconds = Math.round(performance.now() - started) / 1000;
}

async function execute(call, replacement) {
  const { step, record } = call;
  if (replacement) {
    record.replaced = replacement.kind;
    return runScript(call, { run: replacement.command, shell: "bash", "working-directory": step["working-directory"] });
  }
  if (step.run !== undefined) return runScript(call, step);
  if (step.uses.startsWith("docker://")) {
    throw new UnsupportedError(`the container action ${step.uses} is not imitated`);
  }
  return step.uses.startsWith("./") ? runComposite(call) : runAction(call);
}

function deadlineOf(job, frame, step, scope) {
  const minutes = Number(expand(step["timeout-minutes"], scope) ?? Number.POSITIVE_INFINITY);
  return Math.min(frame.deadline(), Date.now() + minutes * job.run.request.minuteMs);
}

// A failed step of an action fails the action, and through it the calling step; a job's own step fails the job.
function settle(job, frame, record) {
  if (job.timeIsUp() && job.status !== "cancelled") {
    job.record.notes.push("the job ran past its timeout-minutes and was cancelled");
    job.status = "cancelled";
  }
  if (job.status === "cancelled") frame.status = "cancelled";
  else if (record.conclusion === "failure") frame.status = "failure";
  if (frame.depth === 0) job.status = frame.status;
}

function displayName({ name, run, uses }) {
  return String(name ?? `Run ${(run ?? uses ?? "").trim().split("\n")[0]}`);
}

function bestName(step, scope) {
  try {
    return step.name === undefined ? displayName(step) : expandString(step.name, scope);
  } catch (error) {
    if (error instanceof GitHubError) return displayName(step);
    throw error;
  }
}
