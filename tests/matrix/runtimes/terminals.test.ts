/** Ctrl-C on a terminal whose screen shows the log through a pipe: the keys of util-linux's `script` are those of a person. */
import { built } from "../../built.ts";
import { expect } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { quoted } from "../../programs/processes/world/runner.ts";
import { launch, REPO } from "../../programs/processes/world/service.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { onEveryRuntime } from "./every_runtime.ts";

onEveryRuntime(
  "run --follow with `2>&1 | tee log` on a terminal leaves its run at Ctrl-C, and cancels it without a terminal",
  async (on) => {
    const { name, service } = on;
    const args = ["run", "--follow", "<stuck-pending>", "--repo", REPO, "--create-branch"];
    const open = async () => {
      const cwd = mkdtempSync(join(service.folder, `${name}-`));
      const env = {
        MOGPLEX_URL: service.url,
        MOGPLEX_DEV: "1",
        MOGPLEX_API_KEY: service.token(),
        MOGPLEX_RECENT: "off",
      };
      let { runtime } = on;
      if (name === "deno") {
        // With the permissions that the command itself asks for: `/dev/tty` is not among them.
        const { stdout } = await launch([runtimes.node, built("mogplex.mjs"), "permissions"], { cwd, env }).ended;
        runtime = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...stdout.trim().split(" ")];
      }
      return { cwd, env, line: quoted([...runtime, built("mogplex.mjs"), ...args]) };
    };

    const attended = await open();
    const { PATH = "", HOME = "" } = process.env;
    const script = ["-qec", `${attended.line} 2>&1 | tee log`, "/dev/null"];
    const child = spawn("script", script, { cwd: attended.cwd, env: { PATH, HOME, TERM: "xterm", ...attended.env } });
    const ended = once(child, "close");
    let screen = "";
    const runId = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        screen += text;
        const [, id] = /started run (\S+) \([^]*run accepted/.exec(screen) ?? [];
        if (id !== undefined) resolve(id);
      });
      void ended.then(() => reject(new Error(`Cannot see the run: ${screen}`)));
    });
    child.stdin.write("\x03");
    await ended;
    const result = JSON.parse(readFileSync(join(attended.cwd, "mogplex-ci/result.json"), "utf8"));
    expect(result).toMatchObject({ runId, outcome: "interrupted", reason: "Stopped by Ctrl-C; the run continues" });
    expect(await service.status(runId)).not.toBe("cancelled");
    expect(readFileSync(join(attended.cwd, "log"), "utf8")).not.toContain("the run continues");
    // Deno must not open the terminal.
    expect(screen.includes(`Stopped by Ctrl-C; the run continues\r\nTo follow it again: `)).toBe(name !== "deno");

    // As cron, systemd and `ssh host command` start it.
    const alone = await open();
    const running = launch(["setsid", "sh", "-c", `exec ${alone.line} 2>&1`], alone);
    const [, otherId = ""] = await running.seen(/started run (\S+) \([^]*run accepted/);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    expect(await service.status(otherId)).toBe("cancelled");
  },
);
