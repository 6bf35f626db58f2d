/** Ctrl-C on a terminal whose screen shows the log through a pipe, or nothing: the keys of util-linux's `script` are those of a person. */
import { built } from "../../built.ts";
import { expect } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { until } from "../../programs/processes/world/recorder.ts";
import { quoted } from "../../programs/processes/world/runner.ts";
import { launch, REPO } from "../../programs/processes/world/service.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { onEveryRuntime } from "./every_runtime.ts";

const readText = (file: string) => existsSync(file) ? readFileSync(file, "utf8") : "";

onEveryRuntime(
  "run --follow with redirected streams on a terminal leaves its run at Ctrl-C, and cancels it without a terminal",
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

    const { PATH = "", HOME = "" } = process.env;
    const ctrlC = async (redirection: string) => {
      const { cwd, env, line } = await open();
      const options = { cwd, env: { PATH, HOME, TERM: "xterm", ...env } };
      const child = spawn("script", ["-qec", `${line} ${redirection}`, "/dev/null"], options);
      const ended = once(child, "close");
      let screen = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => screen += text);
      const log = () => readText(join(cwd, "log"));
      await until("the run is started", () => /started run \S+ \([^]*run accepted/.test(log()));
      child.stdin.write("\x03");
      await ended;
      return { screen, log: log(), result: JSON.parse(readText(join(cwd, "mogplex-ci/result.json"))) };
    };
    const LEFT = { outcome: "interrupted", reason: "Stopped by Ctrl-C; the run continues" };

    const piped = await ctrlC("2>&1 | tee log");
    expect(piped.result).toMatchObject(LEFT);
    expect(await service.status(piped.result.runId)).not.toBe("cancelled");
    expect(piped.log).not.toContain("the run continues");
    // Deno must not open the terminal.
    const shown = `${LEFT.reason}\r\nTo follow it again: `;
    expect(piped.screen.includes(shown)).toBe(name !== "deno");

    const redirected = await ctrlC("< /dev/null > log 2>&1");
    const isLeft = name !== "deno";
    expect(redirected.result).toMatchObject(isLeft ? LEFT : { outcome: "interrupted", status: "cancelled" });
    expect(await service.status(redirected.result.runId) === "cancelled").toBe(!isLeft);
    expect(redirected.screen.includes(shown)).toBe(isLeft);

    // As cron, systemd and `ssh host command` start it.
    const alone = await open();
    const running = launch(["setsid", "sh", "-c", `exec ${alone.line} 2>&1`], alone);
    const [, otherId = ""] = await running.seen(/started run (\S+) \([^]*run accepted/);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    expect(await service.status(otherId)).toBe("cancelled");
  },
);
