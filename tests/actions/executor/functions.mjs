// The functions of expressions that depend on the run: status functions and hashFiles.
import { data } from "@actions/expressions";
import { hashOfFiles } from "./glob.mjs";

/** success(), failure(), cancelled() and always() for a job, a step or a step of a composite action. */
export function statusFunctions({ success, failure, cancelled }) {
  const constant = (name, value) => ({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) });
  return [
    constant("success", success),
    constant("failure", failure),
    constant("cancelled", cancelled),
    constant("always", true),
  ];
}

/** The same functions for steps, where one status decides. */
export function statusFunctionsOf(status) {
  return statusFunctions({
    success: status === "success",
    failure: status === "failure",
    cancelled: status === "cancelled",
  });
}

/** hashFiles() over one job's workspace. */
export function hashFilesFunction(folders) {
  const call = (...patterns) => {
    const lines = patterns.map((pattern) => pattern.coerceString()).join("\n");
    return new data.StringData(hashOfFiles(lines, folders));
  };
  return { name: "hashFiles", minArgs: 1, maxArgs: 255, call };
}
