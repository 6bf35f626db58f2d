import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInstalled, root } from "../../../tools/setup.mjs";

interface Package {
  version: string;
  integrity?: string;
  optional?: boolean;
  engines?: { node?: string };
}
type Packages = Record<string, Package>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-setup-"));
  mkdirSync(join(folder, "node_modules"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PROJECT = { "": { version: "0.1.0" } };
const A = { "node_modules/a": { version: "1.0.0", integrity: "sha512-a" } };
const B = { "node_modules/a/node_modules/b": { version: "2.0.0", integrity: "sha512-b" } };
const ELSEWHERE = { "node_modules/windows": { version: "3.0.0", integrity: "sha512-w", optional: true } };

function lock(packages: Packages) {
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages }));
}

/** What `npm ci` leaves behind. */
function installation(packages: Packages) {
  for (const path of Object.keys(packages)) {
    mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, path, "package.json"), "{}");
  }
  writeFileSync(join(folder, "node_modules/.package-lock.json"), JSON.stringify({ packages }));
}

test("isInstalled() takes an installation by npm itself, without the packages for other machines", () => {
  lock({ ...PROJECT, ...A, ...B, ...ELSEWHERE });
  installation({ ...A, ...B });
  expect(isInstalled(folder)).toBeTrue();
});

test("isInstalled() is false without packages, and after an installation that did not end", () => {
  lock({ ...PROJECT, ...A });
  expect(isInstalled(folder)).toBeFalse();
  installation(A);
  rmSync(join(folder, "node_modules/.package-lock.json"));
  expect(isInstalled(folder)).toBeFalse();
});

test.each([
  ["another version", { "node_modules/a": { version: "1.0.1", integrity: "sha512-a" } }],
  ["other content", { "node_modules/a": { version: "1.0.0", integrity: "sha512-x" } }],
  ["one more package", { ...A, ...B }],
])("isInstalled() is false when the lock file has %s", (_what, wanted) => {
  installation(A);
  lock({ ...PROJECT, ...wanted });
  expect(isInstalled(folder)).toBeFalse();
});

test("isInstalled() is false when a folder of a package is gone", () => {
  lock({ ...PROJECT, ...A, ...B });
  installation({ ...A, ...B });
  rmSync(join(folder, "node_modules/a/node_modules"), { recursive: true });
  expect(isInstalled(folder)).toBeFalse();
});

test("package-lock.json has no package that npm warns about on our oldest Node", () => {
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"));
  const oldest: string = read("package.json").engines.node.replace(">=", "");
  const packages: Packages = read("package-lock.json").packages;
  // npm leaves out an optional one without a word.
  const warned = Object.entries(packages).filter(([, { engines, optional }]) =>
    engines?.node !== undefined && optional !== true && !Bun.semver.satisfies(`${oldest}.0`, engines.node)
  );
  expect(warned.map(([path, { engines }]) => `${path}: ${engines?.node}`)).toEqual([]);
});
