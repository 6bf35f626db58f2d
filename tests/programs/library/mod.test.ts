import { join } from "node:path";
import { expect, test } from "bun:test";

const root = join(import.meta.dir, "../../..");

async function ended(script: string) {
  const child = Bun.spawn([process.execPath, "--no-env-file", "-e", script], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

test("mod.ts does nothing when it is imported", async () => {
  const script = `
    const env = process.env;
    process.env = new Proxy({}, { get: (_, name) => { throw new Error("read " + String(name)); } });
    globalThis.fetch = () => { throw new Error("fetched"); };
    await import(${JSON.stringify(join(root, "mod.ts"))});
    process.env = env;
    process.stdout.write("quiet " + (process.exitCode ?? 0));`;
  expect(await ended(script)).toEqual({ stdout: "quiet 0", stderr: "", code: 0 });
});

test("main() says the reason of a result only when the error does not say it", async () => {
  const said = [];
  for (const scenario of ["awaiting-input", "agent-failure"]) {
    const script = `
      import { createMogplex, main } from ${JSON.stringify(join(root, "mod.ts"))};
      import { createEmulator } from ${JSON.stringify(join(root, "testing.ts"))};
      const service = createEmulator({ scenario: ${JSON.stringify(scenario)} });
      await main(() => createMogplex(service.options).run({ repo: "acme/web", prompt: "x" }));`;
    const { stderr, code } = await ended(script);
    said.push([code, stderr.replace(/"[0-9a-f-]{36}"/g, "ID").split("\n").map((line) => line.slice(0, 40))]);
  }
  expect(said).toEqual([
    [4, ["error: Run ID has not finished: the agen", ""]],
    [1, ["error: Run ID failed", "reason: Agent run exited with code 1.", ""]],
  ]);
});
