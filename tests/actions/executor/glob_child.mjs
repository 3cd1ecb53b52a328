// GitHub's globber in a process of its own: turns patterns (JSON on stdin) into files or a hash (JSON, the last line).
// A process, because expressions are synchronous and the globber is not, and because it resolves patterns against the
// working directory and the home, and prints what it does.
import { create, hashFiles } from "@actions/glob";
import { readFileSync } from "node:fs";

async function answer({ patterns, options, hash }) {
  if (hash) return { hash: await hashFiles(patterns, process.cwd()) };
  const globber = await create(patterns, options);
  return { files: await globber.glob(), searchPaths: globber.getSearchPaths() };
}

console.log(`\n${JSON.stringify(await answer(JSON.parse(readFileSync(0, "utf8"))))}`);
