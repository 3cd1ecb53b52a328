// Scripts of steps: turns `run`, or what replaces a step, into an outcome and the values that the script left behind.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { stepEnvironment } from "./environment.mjs";
import { GitHubError } from "./errors.mjs";
import { expandString } from "./expressions.mjs";
import { CommandFiles } from "./file_commands.mjs";
import { runProcess } from "./process.mjs";
import { scriptCommand } from "./shell.mjs";

let scripts = 0;

/** Runs one script; the outcome is "success", or "cancelled" where the job's time ran out. */
export async function runScript(call, { run, shell, "working-directory": folder }) {
  const { job, frame, scope, own, output, deadline } = call;
  // Steps of a composite action name their own shell and folder; a job's defaults do not reach into it.
  const defaults = frame.depth === 0 ? job.defaults : {};
  const cwd = resolve(job.folders.workspace, expandString(folder ?? defaults["working-directory"] ?? "", scope));
  if (!existsSync(cwd)) {
    throw new GitHubError(
      `An error occurred trying to start a process with working directory '${cwd}'. No such file or directory`,
    );
  }
  scripts += 1;
  const files = new CommandFiles(join(job.folders.temp, "file_commands"), String(scripts));
  const script = expandString(run, scope);
  output.line(`##[group]Run ${script.trim().split("\n")[0]}`);
  output.log.write(job.run.masks.hide(script));
  output.log.write("##[endgroup]");
  const argv = scriptCommand(
    script,
    expandString(shell ?? defaults.shell ?? "", scope),
    job.folders.temp,
    `script-${scripts}`,
  );
  const env = stepEnvironment(job, frame, { ...frame.overrides, ...own }, files.paths);
  const limitMs = deadline - Date.now();
  const end = await runProcess(argv, { cwd, env, limitMs, onLine: output.line, groups: job.groups });
  keep(call, files);
  if (end.timedOut && job.timeIsUp()) return "cancelled";
  if (end.timedOut) throw new GitHubError(`The action '${call.record.name}' has timed out.`);
  if (end.code !== 0) throw new GitHubError(`Process completed with exit code ${end.code}.`);
  return "success";
}

// A failing script's values count, too.
function keep({ job, record, output }, files) {
  Object.assign(record.outputs, files.outputs());
  Object.assign(job.variables, files.variables());
  files.state();
  const folders = files.folders();
  job.pathFolders = [...folders.toReversed(), ...job.pathFolders.filter((each) => !folders.includes(each))];
  const { text, note } = files.summary();
  job.record.summary += job.run.masks.hide(text);
  if (!note) return;
  output.reader.annotate("error", note);
  job.record.notes.push(note);
}
