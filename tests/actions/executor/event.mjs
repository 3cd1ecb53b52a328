// Events: turns the caller's wish (event, inputs, payload) into the contexts `github` and `inputs` of a run.
import { execFileSync } from "node:child_process";
import { GitHubError, UnsupportedError } from "./errors.mjs";

const NO_COMMIT = "0".repeat(40);

/** The contexts that all jobs of a run share. */
export function triggerContexts(request, workflow) {
  const settings = workflow.on[request.event];
  if (settings === undefined) {
    throw new GitHubError(
      `${workflow.file} has no trigger '${request.event}'; it has: ${Object.keys(workflow.on).join(", ")}`,
    );
  }
  const dispatched = request.event === "workflow_dispatch";
  if (!dispatched && Object.keys(request.inputs).length > 0) {
    throw new UnsupportedError(`the event '${request.event}' takes no inputs`);
  }
  const inputs = dispatched ? dispatchInputs(settings.inputs ?? {}, request.inputs) : {};
  return { github: githubContext(request, workflow, inputs), inputs };
}

// A form sends text; GitHub gives `inputs` its declared types and leaves `github.event.inputs` as text.
function dispatchInputs(declared, given) {
  const unexpected = Object.keys(given).filter((name) => !(name in declared));
  if (unexpected.length > 0) throw new GitHubError(`Unexpected inputs provided: ${JSON.stringify(unexpected)}`);
  const entries = Object.entries(declared).map(([name, spec]) => [name, dispatchInput(name, spec ?? {}, given[name])]);
  return Object.fromEntries(entries);
}

function dispatchInput(name, { type = "string", required, options, default: preset }, given) {
  if (required && (given ?? preset) === undefined) throw new GitHubError(`Required input '${name}' not provided`);
  const text = String(given ?? preset ?? (type === "choice" ? options[0] : ""));
  if (type === "boolean") {
    if (!["true", "false", ""].includes(text)) throw new GitHubError(`Input '${name}' is a boolean, not '${text}'`);
    return text === "true";
  }
  if (type === "number") {
    if (Number.isNaN(Number(text))) throw new GitHubError(`Input '${name}' is a number, not '${text}'`);
    return Number(text);
  }
  if (type === "choice" && !options.map(String).includes(text)) {
    throw new GitHubError(`Provided value '${text}' for input '${name}' not in the list of allowed values`);
  }
  return text;
}

function githubContext(request, workflow, inputs) {
  const { actor, attempt, event, payload, ref, repository, runId, secrets } = request;
  const sha = request.sha ?? headOf(request.root);
  return {
    actor,
    triggering_actor: actor,
    event_name: event,
    repository,
    repository_owner: repository.split("/")[0],
    sha,
    ...refNames(event, ref, payload),
    run_id: String(runId),
    run_number: "1",
    run_attempt: String(attempt),
    token: secrets.GITHUB_TOKEN,
    server_url: "https://github.com",
    api_url: "https://api.github.com",
    graphql_url: "https://api.github.com/graphql",
    workflow: workflow.name ?? workflow.file,
    workflow_ref: `${repository}/${workflow.file}@${ref}`,
    workflow_sha: sha,
    event: eventPayload(request, workflow, inputs, sha),
  };
}

function refNames(event, ref, payload) {
  const pull = event === "pull_request";
  return {
    ref,
    ref_name: ref.replace(/^refs\/(heads|tags|pull)\//, ""),
    ref_type: ref.startsWith("refs/tags/") ? "tag" : "branch",
    head_ref: pull ? (payload?.pull_request?.head?.ref ?? "topic") : "",
    base_ref: pull ? (payload?.pull_request?.base?.ref ?? "main") : "",
  };
}

function eventPayload({ event, repository, ref, payload: given }, workflow, inputs, sha) {
  const repo = { full_name: repository, fork: false, default_branch: "main" };
  const base = { repository: repo };
  if (event === "workflow_dispatch") {
    const texts = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, String(value)]));
    return { ...base, ref, workflow: workflow.file, inputs: texts, ...given };
  }
  if (event === "schedule") return { ...base, schedule: workflow.on.schedule[0].cron, ...given };
  if (event === "pull_request") {
    const pull = { number: 1, head: { ref: "topic", sha, repo }, base: { ref: "main", sha, repo } };
    return { ...base, action: "opened", number: 1, pull_request: pull, ...given };
  }
  return { ...base, ref, ...given };
}

function headOf(root) {
  try {
    const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    return execFileSync("git", ["-C", root, "rev-parse", "--verify", "HEAD"], options).trim();
  } catch {
    return NO_COMMIT; // no repository, or one without a commit
  }
}
