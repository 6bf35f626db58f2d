import { join } from "node:path";
import { expect, test } from "bun:test";

test("mod.ts does nothing when it is imported", async () => {
  const script = `
    const env = process.env;
    process.env = new Proxy({}, { get: (_, name) => { throw new Error("read " + String(name)); } });
    globalThis.fetch = () => { throw new Error("fetched"); };
    await import(${JSON.stringify(join(import.meta.dir, "../../../mod.ts"))});
    process.env = env;
    process.stdout.write("quiet " + (process.exitCode ?? 0));`;
  const child = Bun.spawn([process.execPath, "--no-env-file", "-e", script], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect({ stdout, stderr, code }).toEqual({ stdout: "quiet 0", stderr: "", code: 0 });
});
