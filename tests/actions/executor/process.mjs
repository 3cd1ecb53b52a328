// Processes: turns a command into its exit code, line by line of its output, within a time limit.
import { spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";

const GRACE_MS = 2_000;

/** Runs `argv` in a process group of its own; resolves to {code} or, past `limitMs`, {timedOut: true}. */
export function runProcess(argv, { cwd, env, limitMs, onLine, groups }) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    child.on("error", reject);
    if (child.pid === undefined) return;
    groups.add(child.pid);
    const streams = [child.stdout, child.stderr].map((stream) => readLines(stream, onLine));
    let timedOut = false;
    const stop = () => {
      timedOut = true;
      signalGroup(child.pid, "SIGTERM");
      setTimeout(() => signalGroup(child.pid, "SIGKILL"), GRACE_MS).unref();
    };
    const timer = Number.isFinite(limitMs) ? setTimeout(stop, Math.min(limitMs, 2 ** 31 - 1)) : undefined;
    child.on("exit", async (code, signal) => {
      clearTimeout(timer);
      // A background process may hold the pipes open: the runner, too, stops reading soon after the step's end.
      const patience = new Promise((done) => setTimeout(done, 500).unref());
      await Promise.race([Promise.all(streams), patience]);
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      resolve(timedOut ? { timedOut } : { code: code ?? 128, signal });
    });
  });
}

/** Ends what the steps of a job left running, as a runner does at the end of a job. */
export function endGroups(groups) {
  for (const group of groups) signalGroup(group, "SIGKILL");
  groups.clear();
}

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

function readLines(stream, onLine) {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  stream.on("data", (chunk) => {
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) onLine(line);
  });
  return new Promise((resolve) =>
    stream.on("close", () => {
      if (rest) onLine(rest);
      resolve();
    }),
  );
}
