// The command line: turns arguments into the request for one run.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UnsupportedError } from "./errors.mjs";

export const HELP = `node run_workflow.mjs --root DIR --workflow FILE --out DIR [options]
  --event NAME              workflow_dispatch (default), schedule, pull_request, push, …
  --input NAME=TEXT         an input of workflow_dispatch; may be repeated, as the next four
  --secret NAME=TEXT        --var NAME=TEXT        --environment NAME=TEXT (of every step)
  --sabotage SELECTOR=CMD   runs CMD instead of a step, to see the run fail
  --substitute JSON         {SELECTOR: CMD, …}: the same for steps that download or install
  --payload FILE            JSON, merged into the event
  --python FILE             the interpreter that setup-python provides
  --rerun-failed            the next attempt of the run in OUT: what succeeded there stands
  --cache DIR  --repository OWNER/NAME  --ref REF  --sha SHA  --actor NAME
  --minute-ms N             how long a minute of a timeout lasts
A SELECTOR is JOB/STEP (JOB a path such as cpu/shard, or *; STEP an id, a name, run:TEXT or uses:TEXT), or
./.github/actions/NAME#STEP, or ./.github/actions/NAME for all of it.
Example: node run_workflow.mjs --root . --workflow .github/workflows/ci.yml --event push --out out/ci`;

const TEXT = { type: "string" };
const LIST = { type: "string", multiple: true, default: [] };
const OPTIONS = {
  help: { type: "boolean" },
  root: TEXT,
  workflow: TEXT,
  out: TEXT,
  event: { ...TEXT, default: "workflow_dispatch" },
  input: LIST,
  secret: LIST,
  var: LIST,
  environment: LIST,
  sabotage: LIST,
  substitute: { ...TEXT, default: "{}" },
  payload: TEXT,
  python: TEXT,
  cache: TEXT,
  "rerun-failed": { type: "boolean", default: false },
  repository: { ...TEXT, default: "owner/name" },
  ref: { ...TEXT, default: "refs/heads/main" },
  sha: TEXT,
  actor: { ...TEXT, default: "somebody" },
  "minute-ms": { ...TEXT, default: "60000" },
};

/** The request, or undefined where the caller asks for help. */
export function readRequest(argv) {
  const values = parse(argv);
  if (values.help) return undefined;
  const missing = ["root", "workflow", "out"].find((name) => !values[name]);
  if (missing) throw new UnsupportedError(`--${missing} is missing; see --help`);
  const { workflow, event, repository, ref, sha, actor } = values;
  return {
    ...{ workflow, event, repository, ref, sha, actor },
    root: resolve(values.root),
    out: resolve(values.out),
    cache: resolve(values.cache ?? join(values.out, "cache")),
    inputs: pairs(values.input),
    vars: pairs(values.var),
    environment: pairs(values.environment),
    // A run without a token does not exist; this one is not valid anywhere.
    secrets: { GITHUB_TOKEN: "ghs_local", ...pairs(values.secret) },
    sabotages: pairs(values.sabotage),
    substitutions: JSON.parse(values.substitute),
    payload: values.payload ? JSON.parse(readFileSync(values.payload, "utf8")) : undefined,
    python: values.python ?? defaultPython(),
    runId: 1,
    attempt: 1,
    rerunFailed: values["rerun-failed"],
    minuteMs: Number(values["minute-ms"]),
  };
}

function parse(argv) {
  try {
    return parseArgs({ args: argv, options: OPTIONS }).values;
  } catch (error) {
    throw new UnsupportedError(`${error.message}; see --help`, { cause: error });
  }
}

function pairs(list) {
  const split = list.map((text) => text.split(/=(.*)/s));
  const broken = split.find(([, value]) => value === undefined);
  if (broken) throw new UnsupportedError(`NAME=TEXT was expected, not ${broken[0]}`);
  return Object.fromEntries(split.map(([name, value]) => [name, value]));
}

function defaultPython() {
  return execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
}
