// Logs: one file a step.
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

export class StepLog {
  constructor(folder, index, name) {
    const safe = name.replaceAll(/[^\w.-]+/g, "-").slice(0, 60);
    this.path = join(folder, `${String(index).padStart(2, "0")}-${safe}.log`);
    this.file = openSync(this.path, "a");
  }

  write(line) {
    // A background process may outlive its step; what it prints then has no log.
    if (this.file !== undefined) writeSync(this.file, `${line}\n`);
  }

  close() {
    closeSync(this.file);
    this.file = undefined;
  }
}
