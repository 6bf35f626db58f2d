/**
 * `deno doc --lint` on the public library, without the findings that only a repeated name could answer: a class's own `name`, and a
 * constructor whose parameters are documented or speak for themselves.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { root, runtimes } from "../setup.mjs";

/** Lines of source that need no documentation of their own. */
const SELF_EVIDENT = /^\s*(?:override name\b|constructor\()/;

/** One finding of the linter. */
export interface Finding {
  /** Name of the rule. */
  rule: string;
  /** Source file. */
  file: string;
  /** Line, from 1. */
  line: number;
  /** The finding as the linter prints it. */
  text: string;
}

/** Reads what `deno doc --lint` prints without colours. */
export function readFindings(output: string): Finding[] {
  return output.split(/^(?=error\[)/m).flatMap((text) => {
    const rule = /^error\[([\w-]+)\]/.exec(text)?.[1];
    const place = /--> (.+?):(\d+):\d+/.exec(text);
    return rule === undefined || place === null
      ? []
      : [{ rule, file: place[1] ?? "", line: Number(place[2]), text: text.trimEnd() }];
  });
}

/** The findings that somebody has to answer. */
export function relevant(findings: readonly Finding[], lineAt: (file: string, line: number) => string): Finding[] {
  return findings.filter(({ rule, file, line }) => rule !== "missing-jsdoc" || !SELF_EVIDENT.test(lineAt(file, line)));
}

function lineOf(file: string, line: number): string {
  return readFileSync(file, "utf8").split("\n")[line - 1] ?? "";
}

if (import.meta.main) {
  const { stdout, stderr } = spawnSync(runtimes.deno, ["doc", "--lint", "mod.ts"], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = `${stdout}${stderr}`;
  const findings = readFindings(output);
  // The total at the end tells whether every finding was understood.
  const total = Number(/Found (\d+) documentation lint error/.exec(output)?.[1] ?? 0);
  if (total !== findings.length || !/Checked \d+ file|Found \d+/.test(output)) {
    process.stderr.write(
      `${output}\nerror: Cannot read the docs lint: ${findings.length} of ${total} findings understood\n`,
    );
    process.exitCode = 1;
  }
  for (const { text } of relevant(findings, lineOf)) {
    process.stderr.write(`${text}\n\n`);
    process.exitCode = 1;
  }
}
