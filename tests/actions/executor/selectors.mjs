// Replacements: turns a caller's wishes ("this command instead of that step") into a look-up for every step.
import { UnsupportedError } from "./errors.mjs";

/**
 * Commands that stand in for steps. A selector is JOB/STEP, where JOB is the job's path (`select`, `cpu/shard`) or `*`;
 * or ACTION#STEP for a step of a local composite action (`./.github/actions/setup#install`); or ACTION for all of it.
 * STEP is the step's id or name, or `run:TEXT` or `uses:TEXT`: the step whose script or action contains that text.
 */
export class Replacements {
  constructor(substitutions, sabotages) {
    const entries = (kind, mapping) =>
      Object.entries(mapping).map(([selector, command]) => ({ kind, selector, command, used: false }));
    this.all = [...entries("substitute", substitutions), ...entries("sabotage", sabotages)];
  }

  /** The replacement of a step of the job `path`, or of the composite action `action` in it. */
  find(path, action, step) {
    const prefixes = action ? [`${action}#`] : [`${path}/`, "*/"];
    const found = this.all.find(({ selector }) => {
      if (selector === step.uses) return true;
      const prefix = prefixes.find((each) => selector.startsWith(each));
      return prefix !== undefined && names(step, selector.slice(prefix.length));
    });
    if (found) found.used = true;
    return found;
  }

  /** A replacement that met no step proves nothing: the run must not pass for one that did. */
  checkUsed() {
    const unused = this.all.filter(({ used }) => !used).map(({ selector }) => `'${selector}'`);
    if (unused.length > 0) throw new UnsupportedError(`no step was reached that matches ${unused.join(", ")}`);
  }
}

function names(step, text) {
  if (text.startsWith("run:")) return String(step.run ?? "").includes(text.slice(4));
  if (text.startsWith("uses:")) return String(step.uses ?? "").includes(text.slice(5));
  return text === step.id || text === step.name;
}
