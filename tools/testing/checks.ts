import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../setup.mjs";
import type { Totals } from "./progress.ts";

const { bun, deno, node } = runtimes;
const script = (file: string, ...args: string[]) => [bun, "--no-env-file", file, ...args];

export type Checks = Readonly<Record<string, readonly string[]>>;

export const BUILD: Checks = { "build": script("tools/build.ts", "--dist") };

export const CHECKS: Checks = {
  "format": [deno, "fmt", "--check", "--quiet"],
  "lint": [deno, "lint", "--quiet"],
  "types": [node, join(root, "node_modules/typescript/lib/tsc.js"), "-p", "tools/types.json"],
  "docs lint": script("tools/docs/docs_lint.ts"),
  "documents": script("tools/docs.ts", "--check"),
};

export const GATE_CHECKS: Checks = {
  // The modules that users load on Deno, with the examples in their docstrings. `types` checks the tests and tools, which run on Bun.
  "types by Deno": [deno, "check", "--doc", "--quiet", "mod.ts", "campaigns.ts", "testing.ts", "lib", "examples"],
  // In a checkout, the YAML parser reads two variables. In the package, it reads none.
  "doc examples": [deno, "test", "--doc", "--no-check", "--quiet", "--allow-env", "mod.ts", "lib"],
  // JSR rejects types that it would have to infer, even without a type check.
  "publish dry run": [deno, "publish", "--dry-run", "--no-check", "--allow-dirty", "--quiet"],
};

async function runCheck(name: string, [program = "", ...args]: readonly string[]): Promise<boolean> {
  const began = performance.now();
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
  }
  const [code] = await once(child, "close");
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)\n${code === 0 ? "" : `${text}\n`}`);
  if (code !== 0) process.stdout.write(`     alone: ${[program, ...args].join(" ").replaceAll(`${root}/`, "")}\n`);
  return code === 0;
}

export async function runChecks(checks: Checks): Promise<Totals> {
  const waiting = Object.entries(checks);
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      totals[await runCheck(...next) ? "passed" : "failed"]++;
    }
  };
  await Promise.all([lane(), lane()]);
  return totals;
}
