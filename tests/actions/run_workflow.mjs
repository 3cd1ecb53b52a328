// Runs a workflow of a repository on this machine: node run_workflow.mjs --help.
// Exit 0 success, 1 failure, 2 not possible here, 70 a bug of ours.
import { join } from "node:path";
import { HELP, readRequest } from "./executor/command_line.mjs";
import { UnsupportedError } from "./executor/errors.mjs";
import { runWorkflow } from "./executor/run.mjs";

function report({ conclusion, error, jobs }, out) {
  if (error) console.log(error);
  for (const { id, result, error: reason, steps } of jobs) {
    console.log(`${result.padEnd(9)} ${id}${reason ? `: ${reason}` : ""}`);
    const failed = steps.filter((step) => step.conclusion === "failure");
    for (const { name, log } of failed) console.log(`            ${name}, see ${log}`);
  }
  console.log(`${conclusion}: ${join(out, "result.json")}`);
}

async function main(argv) {
  const request = readRequest(argv);
  if (!request) {
    console.log(HELP);
    return 0;
  }
  const result = await runWorkflow(request);
  report(result, request.out);
  return result.conclusion === "success" ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const impossible = error instanceof UnsupportedError;
  console.error(impossible ? `not possible: ${error.message}` : error);
  process.exitCode = impossible ? 2 : 70;
}
