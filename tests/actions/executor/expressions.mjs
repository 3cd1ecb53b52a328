// Expressions: turns `${{ … }}`, `if` conditions and templates into values, with GitHub's own evaluator.
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { replacer } from "@actions/expressions/data/replacer";
import { TokenType } from "@actions/expressions/lexer";
import { truthy } from "@actions/expressions/result";
import { withImplicitSuccess } from "../shared/github_parser.mjs";
import { GitHubError, UnsupportedError } from "./errors.mjs";

const LONGEST_EXPRESSION = 21_000;

/** What an expression may use at one place of a workflow: named contexts (plain values) and functions. */
export class Scope {
  constructor(contexts, functions = []) {
    this.contexts = contexts;
    this.functions = functions;
  }

  with(contexts) {
    return new Scope({ ...this.contexts, ...contexts }, this.functions);
  }
}

/** The value of one expression (without `${{ }}`) as GitHub's expression data. */
export function evaluate(expression, scope) {
  if (expression.length > LONGEST_EXPRESSION) {
    throw new GitHubError(`Exceeded max expression length ${LONGEST_EXPRESSION}: ${expression.slice(0, 60)}…`);
  }
  try {
    const tree = new Parser(lex(expression), Object.keys(scope.contexts), scope.functions).parse();
    const functions = new Map(scope.functions.map((each) => [each.name.toLowerCase(), each]));
    return new Evaluator(tree, lazily(scope.contexts), functions).evaluate();
  } catch (error) {
    if (error instanceof UnsupportedError) throw error;
    throw new GitHubError(`${error.message} in expression: ${expression}`, { cause: error });
  }
}

// The package's lexer un-escapes only the first '' of a literal; GitHub's servers un-escape all.
function lex(expression) {
  const { tokens } = new Lexer(expression).lex();
  for (const token of tokens) {
    if (token.type === TokenType.STRING) token.value = token.lexeme.slice(1, -1).replaceAll("''", "'");
  }
  return tokens;
}

/** A text with `${{ }}` in it as expression data: typed where the whole text is one expression, else a string. */
export function interpolate(text, scope) {
  const expression = templateToExpression(text);
  return expression === undefined ? new data.StringData(text) : evaluate(expression, scope);
}

/** A YAML value with every string in it interpolated, as a plain value. */
export function expand(value, scope) {
  if (typeof value === "string") return toPlain(interpolate(value, scope));
  if (Array.isArray(value)) return value.map((item) => expand(item, scope));
  if (value === null || typeof value !== "object") return value;
  const pairs = Object.entries(value).map(([key, item]) => {
    if (key.includes("${{")) throw new UnsupportedError(`an expression as a key is not imitated: ${key}`);
    return [key, expand(item, scope)];
  });
  return Object.fromEntries(pairs);
}

/** A scalar where text is wanted (`run`, `env`, `with`, `name`), by GitHub's conversion; no mapping, no list. */
export function expandString(value, scope) {
  const result = typeof value === "string" ? interpolate(value, scope) : toData(value);
  if (!result.primitive && result.kind !== data.Kind.Null) {
    const kind = result.kind === data.Kind.Array ? "sequence" : "mapping";
    throw new GitHubError(`A ${kind} was not expected: ${value}`);
  }
  return result.coerceString();
}

/** Every value of a mapping such as `env` or `with` as text. */
export function expandStrings(mapping, scope) {
  return Object.fromEntries(Object.entries(mapping ?? {}).map(([key, value]) => [key, expandString(value, scope)]));
}

/** Whether an `if` holds; without a status function in it, `success()` is implied. */
export function condition(source, scope) {
  const text = String(source ?? "").trim() || "success()";
  const expression = templateToExpression(text) ?? text;
  const functions = scope.functions.map(({ name, minArgs, maxArgs }) => `${name}(${minArgs},${maxArgs})`);
  const allowed = [...Object.keys(scope.contexts), ...functions];
  return truthy(evaluate(withImplicitSuccess(expression, allowed), scope));
}

// As GitHub's template reader does it: mixed text becomes one format() call, so that its limits hold for the whole.
function templateToExpression(text) {
  const segments = splitTemplate(text);
  if (!segments.some(({ expression }) => expression)) return undefined;
  if (segments.length === 1) return segments[0].text;
  const quote = (literal) => literal.replaceAll("'", "''").replaceAll("{", "{{").replaceAll("}", "}}");
  const parts = [];
  const values = [];
  for (const { expression, text: part } of segments) {
    parts.push(expression ? `{${values.length}}` : quote(part));
    if (expression) values.push(`, ${part}`);
  }
  return `format('${parts.join("")}'${values.join("")})`;
}

function splitTemplate(text) {
  const segments = [];
  let rest = text;
  for (;;) {
    const start = rest.indexOf("${{");
    if (start < 0) break;
    const end = expressionEnd(rest, start + 3);
    if (start > 0) segments.push({ expression: false, text: rest.slice(0, start) });
    const inner = rest.slice(start + 3, end).trim();
    if (inner === "insert") throw new UnsupportedError("the directive ${{ insert }} is not imitated");
    segments.push({ expression: true, text: inner });
    rest = rest.slice(end + 2);
  }
  if (rest) segments.push({ expression: false, text: rest });
  return segments;
}

function expressionEnd(text, start) {
  let quoted = false;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "'") quoted = !quoted;
    else if (!quoted && text.startsWith("}}", i)) return i;
  }
  throw new GitHubError(`The expression is not closed: ${text.slice(start - 3)}`);
}

function lazily(contexts) {
  const byName = new Map(Object.entries(contexts).map(([name, value]) => [name.toLowerCase(), value]));
  return { get: (name) => toData(byName.get(name.toLowerCase())) };
}

/** A plain value as GitHub's expression data. */
export function toData(value) {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  const result = new data.Dictionary();
  for (const [key, item] of Object.entries(value)) {
    // The evaluator's dictionaries ignore case and would silently drop the second of two such keys.
    if (result.get(key) !== undefined) throw new UnsupportedError(`two keys that differ only in case: ${key}`);
    result.add(key, toData(item));
  }
  return result;
}

/** GitHub's expression data as a plain value. */
export function toPlain(value) {
  return JSON.parse(JSON.stringify(value, replacer));
}
