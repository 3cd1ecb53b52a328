// Scripts: turns a `run` text and a `shell` into the command line that GitHub's runner starts.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GitHubError, UnsupportedError } from "./errors.mjs";

const KNOWN = {
  bash: { arguments: "--noprofile --norc -e -o pipefail {0}", extension: ".sh" },
  sh: { arguments: "-e {0}", extension: ".sh" },
  python: { arguments: "{0}", extension: ".py" },
};
// Without `shell:` the runner starts bash as if it were sh: a failing left side of a pipe goes unseen.
const DEFAULT = { command: "bash", arguments: "-e {0}", extension: ".sh" };

/** Writes the script into `folder` and returns the argv that runs it. */
export function scriptCommand(script, shell, folder, name) {
  const { command, arguments: template, extension } = parseShell(shell);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}${extension}`);
  writeFileSync(path, script);
  return [command, ...template.split(/\s+/).map((word) => word.replace("{0}", path))];
}

function parseShell(shell) {
  if (!shell) return DEFAULT;
  const [command, rest] = shell.trim().split(/\s+(.*)/s);
  if (["cmd", "pwsh", "powershell"].includes(command)) {
    throw new UnsupportedError(`the shell '${command}' is not imitated`);
  }
  const known = KNOWN[command];
  const template = rest?.trim() || known?.arguments;
  if (!template?.includes("{0}")) {
    throw new GitHubError("Invalid shell option. Shell must be a valid built-in or a format string containing '{0}'");
  }
  return { command, arguments: template, extension: known?.extension ?? "" };
}
