import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { built } from "../../built.ts";
import { RUNTIMES } from "../package/runtimes.ts";

// Learned from Node 20: with the option `recursive`, its `mkdir` never returns in such a directory.
// Deno itself does not start there.
for (const name of ["node", "bun"] as const) {
  test(`campaign plan ends with 2 on ${name} when its working directory was deleted`, () => {
    const folder = mkdtempSync(join(tmpdir(), "mogplex-deleted-"));
    const file = join(folder, "campaign.yml");
    writeFileSync(file, "version: 1\nname: try\nprompt: Do it.\nrepositories: [acme/web]\n");
    mkdirSync(join(folder, "work"));
    const script = 'rmdir "$PWD" && exec "$@"';
    const line = [...RUNTIMES[name], built("mogplex.mjs"), "campaign", "plan", file, "--dir", "campaigns/try"];
    const { status, stderr } = spawnSync("sh", ["-c", script, "sh", ...line], {
      cwd: join(folder, "work"),
      encoding: "utf8",
      env: { PATH: process.env.PATH, MOGPLEX_API_KEY: `mog_${"0".repeat(40)}`, MOGPLEX_URL: "https://mogplex.example" },
      timeout: 50_000,
    });
    rmSync(folder, { recursive: true });
    expect([status, stderr]).toEqual([2, expect.stringContaining('Cannot write in "campaigns/try": ENOENT')]);
  }, 60_000);
}
