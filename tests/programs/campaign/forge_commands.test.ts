import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { forgeCommands } from "../../../lib/campaign/forge_commands.ts";
import { item, MERGE_REQUEST } from "../../unit/campaign/pull_request_items.ts";

test("a shell runs the lines of forgeCommands() with the words that were meant, whatever the service names as address", () => {
  const hostile = [
    "https://github.com/acme/web;touch x/pull/1",
    "https://github.com/acme/$(touch x)/pull/1",
    "https://github.com/acme/`touch x`/pull/1",
    "https://github.com/acme/web/pull/1\ntouch x",
    "https://github.com/acme/'web/pull/1",
    "https://github.com/-acme/--web/pull/1",
    "https://[::1]/acme/web/pull/2",
  ];
  const items = [...hostile, MERGE_REQUEST].map((url, index) => ({
    ...item(index, {}, url),
    repository: ["-acme/--web", "acme/web", "acme/tools/web"][index - 5] ?? "acme/web",
  }));
  const folder = mkdtempSync(join(tmpdir(), "mogplex-commands-"));
  for (const name of ["gh", "glab"]) {
    const path = join(folder, name);
    writeFileSync(
      path,
      `#!/bin/sh\nfor word in ${name} "$@"; do printf '[%s]' "$word"; done >>"${folder}/called"\necho >>"${folder}/called"\n`,
    );
    chmodSync(path, 0o755);
  }
  const script = (["merge", "close"] as const).flatMap((action) => forgeCommands(items, action, { all: true }).lines)
    .join("\n");
  const { status, stderr } = spawnSync("/bin/sh", ["-eu"], {
    input: script,
    cwd: folder,
    env: { PATH: `${folder}:/usr/bin:/bin` },
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(readFileSync(join(folder, "called"), "utf8").trim().split("\n")).toEqual([
    `[gh][pr][merge][https://github.com/-acme/--web/pull/1][--merge][--match-head-commit][${"a".repeat(40)}]`,
    `[gh][pr][merge][https://[::1]/acme/web/pull/2][--merge][--match-head-commit][${"a".repeat(40)}]`,
    `[glab][mr][merge][12][--repo][https://git.example.com:8443/acme/tools/web][--yes][--sha][${
      "a".repeat(40)
    }][--auto-merge=false]`,
    "[gh][pr][close][https://github.com/-acme/--web/pull/1]",
    "[gh][pr][close][https://[::1]/acme/web/pull/2]",
    "[glab][mr][close][12][--repo][https://git.example.com:8443/acme/tools/web]",
  ]);
  expect(spawnSync("ls", [folder], { encoding: "utf8" }).stdout.split("\n").sort()).toEqual([
    "",
    "called",
    "gh",
    "glab",
  ]);
});
