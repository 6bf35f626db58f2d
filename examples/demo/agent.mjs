// Acts as the agent in the quick start: a real, deterministic command that works in the clone where it is started. It replaces the
// deprecated String.prototype.substr, prints what it does, and runs the project's tests on the result. If the task does not contain
// the word substr, it prints that and fails. Its argument is the pause after each line, in milliseconds, so that people can follow
// the output.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const pauseMs = Number(process.argv[2] ?? 0);

async function say(text) {
  process.stdout.write(`${text}\n`);
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}

// Not readFileSync(0): Node does not wait for a pipe once `process` is imported, and the read fails with EAGAIN if the task arrives late.
let task = "";
for await (const piece of process.stdin.setEncoding("utf8")) task += piece;
if (!/\bsubstr\b/.test(task)) {
  await say("I am a script and know one task: replace substr. I have not done yours, and have changed nothing.");
  await say("To use your own command as the agent, see docs/emulator.md.");
  process.exit(1);
}
await say("I am a script. I look for calls of substr.");

const NUMBER = String.raw`-?\d+`;
const TERM = String.raw`[\w$]+(?: [-+] \d+)?`;
/** Replacements that behave the same for every text and every length of 0 or more. Other calls are printed, not changed. */
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
  for (const call of left) await say(`I leave ${call} in ${file} alone: I am not sure about it.`);
  if (after === before) continue;
  writeFileSync(file, after);
  changed++;
  await say(`In ${file} slice does the same.`);
}

const readme = readFileSync("README.md", "utf8");
if (changed > 0 && !readme.includes("String.prototype.slice")) {
  writeFileSync("README.md", `${readme}\nTexts are cut with \`String.prototype.slice\`; \`substr\` is deprecated.\n`);
  changed++;
  await say("In README.md I write it down.");
}

await say("Now I run the project's tests.");
const tests = spawnSync(process.execPath, ["--test", join("test", "text.test.mjs")], { encoding: "utf8" });
await say(tests.status === 0 ? `All tests pass: ${changed} files changed.` : tests.stdout);
process.exitCode = tests.status ?? 1;
