/** Runs documented shell snippets, with the built command as `mogplex` on the PATH. */
import { built } from "../../built.ts";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../../../tools/setup.mjs";
import { type Ended, launch, type Service } from "../processes/world/service.ts";

/** Programs that the documented snippets need and this machine does not have. */
export const MISSING: readonly string[] = ["bash", "jq"].filter((name) =>
  spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status !== 0
);

/** A shell with the command on its PATH. */
export interface Shell {
  /** Runs a script: directly when it begins with `#!`, else as GitHub's runner runs `run:`. */
  run(script: string, env?: Record<string, string>): Promise<Ended>;
  /** Arguments of every `sleep` since the last call of this function. */
  slept(): string[];
}

function program(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** Creates a shell whose `sleep` only records its argument. */
export function createShell(service: Service, token: string): Shell {
  const bin = join(service.folder, `bin-${token.slice(-3)}`);
  const log = join(bin, "slept");
  mkdirSync(bin);
  program(join(bin, "mogplex"), `#!/bin/sh\nexec "${runtimes.node}" "${built("mogplex.mjs")}" "$@"\n`);
  program(join(bin, "sleep"), `#!/bin/sh\necho "$1" >> "${log}"\n`);
  const base = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token };
  const path = { PATH: `${bin}:${process.env.PATH ?? ""}` };
  return {
    run(script, env = {}) {
      const file = join(bin, `script-${crypto.randomUUID()}.sh`);
      program(file, script);
      const line = script.startsWith("#!") ? [file] : ["bash", "--noprofile", "--norc", "-e", file];
      return launch(line, { env: { ...base, ...path, ...env } }).ended;
    },
    slept() {
      try {
        const lines = readFileSync(log, "utf8").trim().split("\n");
        rmSync(log);
        return lines;
      } catch {
        return [];
      }
    },
  };
}
