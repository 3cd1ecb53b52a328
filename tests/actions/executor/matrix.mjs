// Matrices: turns an evaluated `strategy` into the list of its configurations, by the rules of GitHub's matrix builder.
import { equals } from "@actions/expressions/result";
import { GitHubError } from "./errors.mjs";
import { toData } from "./expressions.mjs";

const MOST_JOBS = 256;

/** One entry a job: its `matrix` and `strategy` contexts and the values for its display name. */
export function expandStrategy(strategy) {
  const failFast = strategy?.["fail-fast"] ?? true;
  if (typeof failFast !== "boolean") throw new GitHubError(`strategy fail-fast must be a boolean, not ${failFast}`);
  const configurations = strategy?.matrix === undefined ? [{ matrix: null, labels: [] }] : buildMatrix(strategy.matrix);
  const total = configurations.length;
  return configurations.map(({ matrix, labels }, index) => ({
    matrix,
    labels,
    strategy: {
      "fail-fast": failFast,
      "job-index": index,
      "job-total": total,
      "max-parallel": strategy?.["max-parallel"] || total,
    },
  }));
}

function buildMatrix(matrix) {
  if (!isMapping(matrix)) throw new GitHubError(`A matrix must be a mapping, not ${JSON.stringify(matrix)}`);
  const { include = [], exclude = [], ...axes } = matrix;
  checkAxes(axes, include, exclude);
  const kept = product(axes).filter((each) => !exclude.some((filter) => matches(filter, each)));
  const result = [...withIncludes(axes, kept, include)];
  if (result.length === 0) throw new GitHubError("The matrix has no configuration: every one is excluded");
  if (result.length > MOST_JOBS) {
    throw new GitHubError(`A matrix may have ${MOST_JOBS} jobs at most, not ${result.length}`);
  }
  return result;
}

function checkAxes(axes, include, exclude) {
  for (const [name, list] of [["include", include], ["exclude", exclude], ...Object.entries(axes)]) {
    if (!Array.isArray(list)) {
      throw new GitHubError(`Matrix key '${name}' must be a sequence, not ${JSON.stringify(list)}`);
    }
  }
  for (const item of [...include, ...exclude]) {
    if (!isMapping(item) || Object.keys(item).length === 0) {
      throw new GitHubError("Matrix include and exclude items must be mappings with at least one value");
    }
  }
  const empty = Object.keys(axes).find((name) => axes[name].length === 0);
  if (empty) throw new GitHubError(`Matrix vector '${empty}' does not contain any values`);
  if (Object.keys(axes).length + include.length === 0) throw new GitHubError("Matrix must define at least one vector");
  for (const key of exclude.flatMap(Object.keys)) {
    if (!(key in axes)) throw new GitHubError(`Matrix exclude key '${key}' does not match any key within the matrix`);
  }
}

// The first axis varies slowest.
function product(axes) {
  const names = Object.keys(axes);
  if (names.length === 0) return [];
  let rows = [{}];
  for (const name of names) rows = rows.flatMap((row) => axes[name].map((value) => ({ ...row, [name]: value })));
  return rows;
}

function* withIncludes(axes, rows, include) {
  const split = include.map((item) => {
    const pairs = Object.entries(item);
    return {
      filter: Object.fromEntries(pairs.filter(([key]) => key in axes)),
      extra: Object.fromEntries(pairs.filter(([key]) => !(key in axes))),
      used: false,
    };
  });
  for (const row of rows) {
    let extra = {};
    for (const item of split.filter(({ filter }) => matches(filter, row))) {
      item.used = true;
      extra = { ...extra, ...item.extra };
    }
    yield { matrix: { ...row, ...extra }, labels: labelsOf(row) };
  }
  for (const { filter, extra, used } of split) {
    if (used) continue;
    const matrix = { ...filter, ...extra };
    yield { matrix, labels: labelsOf(matrix) };
  }
}

// Leaves are compared as `==` compares them in expressions, so 'Linux' matches 'linux'.
function matches(filter, value) {
  if (filter !== null && typeof filter === "object") {
    return Object.entries(filter).every(([key, item]) => matches(item, value?.[key] ?? null));
  }
  return equals(toData(filter), toData(value));
}

function labelsOf(value) {
  if (value === null) return [];
  if (typeof value === "object") return Object.values(value).flatMap(labelsOf);
  return String(value) === "" ? [] : [String(value)];
}

function isMapping(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
