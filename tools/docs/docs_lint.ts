/**
 * Runs `deno doc --lint` on the public library, and drops findings where documentation could only repeat a name: the `name` of a class of
 * errors, and a constructor.
 *
 * `docs_lint.ts [FILE]`: the module to check, `mod.ts` by default. Ends with 1 when documentation is missing.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { root, runtimes } from "../setup.mjs";

/** Lines of source that need no documentation. */
const SELF_EVIDENT = /^\s*(?:override name\b|constructor\()/;

/** One finding of the linter. */
export interface Finding {
  /** Name of the rule, such as `missing-jsdoc`. */
  rule: string;
  /** Path of the source file, as the linter prints it. */
  file: string;
  /** Line, from 1. */
  line: number;
  /** The whole finding, as the linter prints it. */
  text: string;
}

/** Reads the output of `deno doc --lint`, which must have no colors. */
export function readFindings(output: string): Finding[] {
  return output.split(/^(?=error\b)/m).flatMap((text) => {
    const rule = /^error\[([\w-]+)\]/.exec(text)?.[1];
    const place = /--> (.+?):(\d+):\d+/.exec(text);
    return rule === undefined || place === null
      ? []
      : [{ rule, file: place[1] ?? "", line: Number(place[2]), text: text.trimEnd() }];
  });
}

/** Drops the findings about lines that need no documentation. */
export function relevant(findings: readonly Finding[], lineAt: (file: string, line: number) => string): Finding[] {
  return findings.filter(({ rule, file, line }) => rule !== "missing-jsdoc" || !SELF_EVIDENT.test(lineAt(file, line)));
}

function lineOf(file: string, line: number): string {
  return readFileSync(file, "utf8").split("\n")[line - 1] ?? "";
}

/**
 * Lints the documentation of a module and of everything that it exports.
 *
 * @param file Path of the module, absolute or below the checkout.
 * @returns The relevant findings, as the linter prints them.
 * @throws when the linter does not work, or when its output has findings that {@linkcode readFindings} does not understand.
 */
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
  // The linter ends with 1 for findings, and for a module that it cannot read.
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
