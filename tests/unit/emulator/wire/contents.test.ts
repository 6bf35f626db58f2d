/** Files of the emulated repositories, read as result files are. */
import { expect, test } from "bun:test";
import { MogplexError } from "../../../../lib/errors.ts";
import { openRepositoryFiles } from "../../../../lib/forge/files.ts";
import type { Fetch } from "../../../../lib/service/transport.ts";
import { createMogplex } from "../../../../mod.ts";
import { createEmulator, type TestEmulator } from "../../../../testing.ts";

const PATH = ".mogplex/result-1234abcd.json";
const PROMPT = `Count the files\n\nWrite your result as JSON to the file "${PATH}" (from the root of the repository).`;

const filesOf = (service: TestEmulator) =>
  openRepositoryFiles({
    forges: [],
    env: () => undefined,
    world: { clock: service.options.clock, fetch: service.options.fetch as Fetch },
    ciSystem: "none",
    isMogplex: () => false,
    service: service.options.url,
    openGit: () =>
      Promise.reject(new MogplexError({ attempted: "read repository", why: "it is refused" }, "forbidden")),
  }, { name: "acme/web" });

/** Plays a step after the sandbox is up, then reads the file on the branch of the run. */
async function resultOf(step: object, prompt = PROMPT, path = PATH): Promise<unknown> {
  const steps = [{ after: 1, sandbox: "up" }, { after: 1, ...step }, { after: 1, call: "success" }, {
    after: 1,
    status: "success",
  }];
  const service = createEmulator({ scenario: JSON.stringify({ steps }) });
  const mogplex = createMogplex(service.options);
  await mogplex.run({ repo: "acme/web", prompt, workingBranch: "agent/work", createBranch: true });
  const files = await filesOf(service);
  const commit = await files.head("agent/work");
  if (commit === null) return "no branch";
  const file = await files.file(commit, path);
  return file.kind === "file" ? new TextDecoder().decode(file.bytes) : file;
}

test("a scenario commits the file that the prompt asks for, good and bad", async () => {
  const refused = (why: string) => ({ kind: "refused", why, path: PATH });
  expect(await resultOf({ result: { json: { run: "${runId}", ok: true } } })).toMatch(
    /^\{\n {2}"run": "[0-9a-f-]{36}",\n {2}"ok": true\n\}\n$/,
  );
  expect(await resultOf({ result: { text: "{ nearly" } })).toBe("{ nearly");
  expect(await resultOf({ result: { json: null } })).toBe("null\n");
  expect(await resultOf({ result: { link: "/etc/passwd" } })).toEqual(refused("link"));
  expect(await resultOf({ result: { submodule: true } })).toEqual(refused("submodule"));
  expect(await resultOf({ result: { size: 60_000_000 } })).toEqual(refused("too large"));
  expect(await resultOf({ result: { path: "other.json", json: 1 } })).toEqual({ kind: "missing" });
  expect(await resultOf({ result: { path: "other.json", json: 1 } }, PROMPT, "other.json")).toBe("1\n");
  expect(await resultOf({ event: { message: "${pull}" } })).toEqual({ kind: "missing" });
  expect(await resultOf({ event: { message: "${pull}" }, deleteBranch: true })).toBe("no branch");
});

test("a scenario commits no file when the prompt asks for none", async () => {
  expect(await resultOf({ result: { json: 1 } }, "Count the files")).toBe("no branch");
});

test("a scenario is refused when a result has no content, or two", () => {
  for (const result of [{}, { json: 1, text: "1" }]) {
    expect(() => createEmulator({ scenario: JSON.stringify({ steps: [{ result }] }) })).toThrow(
      "it must have exactly one of json, text, link, size, submodule",
    );
  }
});

test("control actions commit a file to a branch, delete the branch, and hide all files", async () => {
  const service = createEmulator();
  const before = await filesOf(service);
  const read = async (path: string) => {
    const commit = await before.head("main");
    return commit === null ? "no branch" : (await before.file(commit, path)).kind;
  };
  const first = await read(PATH);
  service.control("commitFile", { repo: "acme/web", branch: "main", path: PATH, text: "{}" });
  const second = await read(PATH);
  service.control("deleteBranch", { repo: "acme/web", branch: "main" });
  expect([first, second, await read(PATH)]).toEqual(["missing", "file", "no branch"]);
  service.control("filesMode", { mode: "hidden" });
  await expect(before.head("main")).rejects.toMatchObject({ exit: "forbidden" });
  await expect(filesOf(service)).rejects.toMatchObject({ exit: "forbidden" });
  service.control("filesMode", { mode: "down" });
  await expect(before.head("main")).rejects.toMatchObject({ exit: "unavailable" });
});

test("the same content has the same blob, whatever else was committed", async () => {
  const service = createEmulator();
  const files = await filesOf(service);
  const blobOf = async () => {
    const file = await files.file(await files.head("main") ?? "", PATH);
    return file.kind === "file" ? file.blob : file.kind;
  };
  const put = (path: string, text: string) =>
    void service.control("commitFile", { repo: "acme/web", branch: "main", path, text });
  put(PATH, "{}");
  const first = await blobOf();
  put("other.txt", "x");
  const second = await blobOf();
  put(PATH, "[]");
  expect([first === second, second === await blobOf()]).toEqual([true, false]);
});
