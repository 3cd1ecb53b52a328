// Workflow commands: turns the lines that a step prints into annotations, masks and log text.

const LEVELS = new Set(["error", "warning", "notice"]);
const LOGGED = new Set(["debug", "group", "endgroup", "echo", "add-matcher", "remove-matcher"]);
const ANNOTATIONS_OF_A_KIND = 10;

/** Reads one step's output line by line; `annotations` holds what GitHub would show of it. */
export class CommandReader {
  constructor({ masks, setOutput }) {
    this.masks = masks;
    this.setOutput = setOutput;
    this.annotations = [];
    this.dropped = 0;
    this.stopToken = undefined;
  }

  /** The text that goes to the log for this line. */
  read(line) {
    const command = parseCommand(line);
    if (this.stopToken !== undefined) {
      if (command?.name === this.stopToken) this.stopToken = undefined;
    } else if (command) {
      this.#obey(command);
    }
    return this.masks.hide(line);
  }

  annotate(level, message, properties = {}) {
    if (this.annotations.filter((each) => each.level === level).length >= ANNOTATIONS_OF_A_KIND) {
      this.dropped += 1;
      return;
    }
    const { title, file, line, endLine, col, endColumn } = properties;
    const place = {
      title,
      file,
      line: number(line),
      end_line: number(endLine),
      column: number(col),
      end_column: number(endColumn),
    };
    this.annotations.push({ level, message: this.masks.hide(message), ...place });
  }

  #obey({ name, properties, value }) {
    if (LEVELS.has(name)) this.annotate(name, value, properties);
    else if (name === "add-mask") this.masks.add(value);
    else if (name === "stop-commands") this.stopToken = value;
    else if (name === "set-output") this.setOutput(properties.name, value);
    else if (name === "set-env" || name === "add-path") {
      this.annotate("error", `The \`${name}\` command is disabled. Please upgrade to using Environment Files.`);
    } else if (!LOGGED.has(name) && name !== "save-state") {
      return;
    }
  }
}

/** `::name key=value,…::text`, with GitHub's escapes undone; undefined for any other line. */
export function parseCommand(line) {
  const match = /^\s*::([^\s:]+)(?:\s+(.*?))?::(.*)$/s.exec(line);
  if (!match) return undefined;
  const [, name, list = "", value] = match;
  const pairs = list.split(",").map((pair) => pair.trim().split(/=(.*)/s));
  const properties = Object.fromEntries(
    pairs.filter(([key, text]) => key && text).map(([key, text]) => [key, unescape(text)]),
  );
  return { name, properties, value: unescape(value) };
}

function unescape(text) {
  const escapes = { "%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": "," };
  return text.replaceAll(/%(?:25|0D|0A|3A|2C)/g, (code) => escapes[code]);
}

function number(text) {
  return text === undefined ? undefined : Number(text);
}

/** The values that a log must not show. */
export class Masks {
  constructor(values = []) {
    this.values = new Set(values.filter(Boolean));
  }

  add(value) {
    for (const line of [value, ...value.split("\n")]) if (line.trim()) this.values.add(line);
  }

  hide(text) {
    let result = text;
    for (const value of this.values) result = result.replaceAll(value, "***");
    return result;
  }
}
