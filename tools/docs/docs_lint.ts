/**
 * Runs `deno doc --lint` on the public library, and ignores findings where documentation could only repeat a name: the `name` of an error class, and
 * a constructor.
 *
 * `docs_lint.ts [FILE]`: the module to check, `mod.ts` by default. Exits with 1 if documentation is missing.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { root, runtimes } from "../setup.mjs";

const SELF_EVIDENT = /^\s*(?:override name\b|constructor\()/;

export interface Finding {
  rule: string;
  file: string;
  line: number;
  text: string;
}

export function readFindings(output: string): Finding[] {
  return output.split(/^(?=error\b)/m).flatMap((text) => {
    const rule = /^error\[([\w-]+)\]/.exec(text)?.[1];
    const place = /--> (.+?):(\d+):\d+/.exec(text);
    return rule === undefined || place === null
      ? []
      : [{ rule, file: place[1] ?? "", line: Number(place[2]), text: text.trimEnd() }];
  });
}

export function relevant(findings: readonly Finding[], lineAt: (file: string, line: number) => string): Finding[] {
  return findings.filter(({ rule, file, line }) => rule !== "missing-jsdoc" || !SELF_EVIDENT.test(lineAt(file, line)));
}

function lineOf(file: string, line: number): string {
  return readFileSync(file, "utf8").split("\n")[line - 1] ?? "";
}

export function lintDocs(file: string): string[] {
  const { status, stdout, stderr } = spawnSync(runtimes.deno, ["doc", "--lint", "--quiet", file], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = `${stdout}${stderr}`;
  const findings = readFindings(output);
  const total = Number(/Found (\d+) documentation lint error/.exec(output)?.[1] ?? 0);
  // The linter exits with 1 if it has findings, and if it cannot read a module.
  if (total !== findings.length || (status === 0) !== (total === 0)) {
    throw new Error(`Cannot read the docs lint: ${findings.length} of ${total} findings understood:\n${output}`);
  }
  return relevant(findings, lineOf).map(({ text }) => text);
}

function main([file = "mod.ts"]: readonly string[]): number {
  const found = lintDocs(file);
  for (const text of found) process.stderr.write(`${text}\n\n`);
  return found.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = main(process.argv.slice(2));
}
