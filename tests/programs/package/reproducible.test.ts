/** Anybody can build the released bytes: the folder of a clone, its name and the time do not matter. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RELEASE_FILES, releaseFile } from "../../../tools/publish/files.ts";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { cloneTo } from "./clone.ts";

let folder = "";
let copy = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-repro-"));
  copy = join(folder, "somewhere else/a much longer name");
  cloneTo(copy);
  execFileSync(runtimes.bun, ["--no-env-file", "tools/build.ts", "--dist"], { cwd: copy, stdio: "ignore" });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("two clones in different folders build the same bytes", () => {
  const sums = readFileSync(built("SHA256SUMS"), "utf8");
  expect(readFileSync(join(copy, "dist/SHA256SUMS"), "utf8")).toBe(sums);
  expect(sums.trim().split("\n").length).toBeGreaterThan(30);
});

test("SHA256SUMS names every file of dist/, and sha256sum finds one changed byte in each", () => {
  const dist = join(copy, "dist");
  const check = () => execFileSync("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: dist, stdio: "ignore" });
  check();
  const paths = readFileSync(join(dist, "SHA256SUMS"), "utf8").trim().split("\n").map((line) => line.slice(66));
  const files = execFileSync("find", [".", "-type", "f"], { cwd: dist, encoding: "utf8" }).trim().split("\n");
  const others = files.map((path) => path.slice(2)).filter((path) => !["SHA256SUMS", ".built-from"].includes(path));
  expect(paths).toEqual(others.sort());
  for (const path of paths) {
    const bytes = readFileSync(join(dist, path));
    const changed = Uint8Array.from(bytes, (byte, at) => at === bytes.length >> 1 ? byte ^ 1 : byte);
    writeFileSync(join(dist, path), changed);
    expect(check, path).toThrow();
    writeFileSync(join(dist, path), bytes);
  }
  check();
});

test("the SBOM of a program has its packages as the lock file pins them, its SHA-256, and no time", () => {
  const document = JSON.parse(readFileSync(join(copy, "dist/mogplex.mjs.cdx.json"), "utf8"));
  const digest = sha256(readFileSync(join(copy, "dist/mogplex.mjs")));
  const { version, packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  expect(document.metadata).toEqual({
    component: {
      type: "application",
      "bom-ref": `mogplex.mjs@${version}`,
      name: "mogplex.mjs",
      version,
      hashes: [{ alg: "SHA-256", content: digest }],
      licenses: [{ license: { id: "MIT" } }],
    },
  });
  expect(document.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(document.serialNumber.slice(9, 17)).toBe(digest.slice(0, 8));
  const notices = readFileSync(join(copy, "dist/mogplex.mjs.licenses.txt"), "utf8");
  const names = document.components.map(({ name }: { name: string }) => name);
  expect(names).toEqual(["@cfworker/json-schema", "eventsource-parser", "hono", "yaml", "zod"]);
  for (const { name, version, purl, hashes } of document.components) {
    expect(notices).toContain(`${name} ${version} (`);
    const locked = packages[`node_modules/${name}`];
    expect({ version, purl, hash: hashes[0].content }).toEqual({
      version: locked.version,
      purl: `pkg:npm/${name.replace("@", "%40")}@${locked.version}`,
      hash: Buffer.from(locked.integrity.slice("sha512-".length), "base64").toString("hex"),
    });
  }
});

test("every file of a release is built", () => {
  for (const name of RELEASE_FILES) expect(readFileSync(releaseFile(copy, name)).length, name).toBeGreaterThan(0);
});
