// Plays the agent in the quick start: a real, deterministic command that works in the clone it is started in. It replaces
// the deprecated String.prototype.substr, prints what it did, and runs the project's tests on the result.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const task = readFileSync(0, "utf8").trim();
process.stdout.write(`Task: ${task.split("\n")[0]}\n`);

const NUMBER = String.raw`-?\d+`;
const TERM = String.raw`[\w$]+(?: [-+] \d+)?`;
/** Rewrites that keep the meaning for every text and every length of 0 or more. Other calls are not changed, but printed. */
const rewrites = [
  // From an index to the end, and the last n characters: slice() counts in the same way.
  [new RegExp(String.raw`\.substr\((${NUMBER})\)`, "g"), (_, from) => `.slice(${from})`],
  [new RegExp(String.raw`\.substr\(0, (${TERM})\)`, "g"), (_, count) => `.slice(0, ${count})`],
  // A fixed part in the middle: the length becomes an end index.
  [/\.substr\((\d+), (\d+)\)/g, (_, from, count) => `.slice(${from}, ${Number(from) + Number(count)})`],
];

const files = readdirSync(".", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".mjs") && !path.startsWith(".git")).sort();
let changed = 0;
for (const file of files) {
  const before = readFileSync(file, "utf8");
  const after = rewrites.reduce((text, [pattern, rewrite]) => text.replace(pattern, rewrite), before);
  const left = after.match(/\.substr\(.*?\)/g) ?? [];
  for (const call of left) process.stdout.write(`${file}: left alone ${call}\n`);
  if (after === before) continue;
  writeFileSync(file, after);
  changed++;
  process.stdout.write(`${file}: rewritten\n`);
}

const readme = readFileSync("README.md", "utf8");
if (changed > 0 && !readme.includes("String.prototype.slice")) {
  writeFileSync("README.md", `${readme}\nTexts are cut with \`String.prototype.slice\`; \`substr\` is deprecated.\n`);
}

const tests = spawnSync(process.execPath, ["--test", join("test", "text.test.mjs")], { encoding: "utf8" });
process.stdout.write(tests.status === 0 ? "The project's tests pass\n" : tests.stdout);
process.exitCode = tests.status ?? 1;
