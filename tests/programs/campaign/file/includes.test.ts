import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCampaignFile } from "../../../../lib/campaign/file/read.ts";
import { processIo } from "../../../../lib/io.ts";

test("readCampaignFile() refuses a pipe at once, as task and as list", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-campaign-"));
  try {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const path = join(folder, "campaign.yaml");
    const io = await processIo();
    for (const lines of ["prompt-file: pipe\nrepositories: [acme/web]", "prompt: x\nrepositories: [{ file: pipe }]"]) {
      writeFileSync(path, `version: 1\nname: fix\n${lines}\n`);
      await expect(readCampaignFile(path, io)).rejects.toThrow("the file cannot be read: it is not a regular file");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
