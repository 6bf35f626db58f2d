import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { VERSION } from "../../../lib/version.ts";
import { root } from "../../../tools/setup.mjs";
import { git } from "../components/project.ts";
import { hasPin, pinnedFiles, pinsOf, withPins } from "../../../tools/build/pins.ts";

const OLD = "0".repeat(64);
const pins = pinsOf("the file");

test("withPins() writes version and checksum when they stand in the forms of shells, YAML, Groovy and Kotlin", () => {
  const forms = [
    "MOGPLEX_CI_VERSION=0.0.1\nexport MOGPLEX_CI_SHA256=OLD",
    'MOGPLEX_CI_VERSION: "0.0.1"\nMOGPLEX_CI_SHA256: OLD',
    "env: { MOGPLEX_CI_VERSION: 0.0.1, MOGPLEX_CI_SHA256: 'OLD' }",
    "MOGPLEX_CI_VERSION = '0.0.1'\nMOGPLEX_CI_SHA256 = 'OLD'",
    'param("env.MOGPLEX_CI_VERSION", "0.0.1")\nparam("env.MOGPLEX_CI_SHA256", "OLD")',
    "- name: MOGPLEX_CI_VERSION\n  value: 0.0.1-rc.1\n- name: MOGPLEX_CI_SHA256\n  value: OLD",
    'ARG MOGPLEX_CI_VERSION=0.0.1\n"${MOGPLEX_CI_SHA256:-OLD}"',
    'import "npm:@mogplex/ci@0.0.1/mogplex-ci";\nMOGPLEX_CI_SHA256="OLD"',
  ];
  for (const form of forms) {
    const expected = form.replace(/0\.0\.1(-rc\.1)?/, VERSION).replace("OLD", pins.sha256);
    expect(withPins(form.replace("OLD", OLD), pins)).toBe(expected);
    expect(withPins(expected, pins)).toBe(expected);
  }
});

test("withPins() changes nothing but pins", () => {
  const texts = [
    'echo "$MOGPLEX_CI_SHA256  mogplex.mjs" | sha256sum -c -',
    "https://unpkg.com/@mogplex/ci@$MOGPLEX_CI_VERSION/dist",
    "MOGPLEX_CI_VERSION: ${{ vars.MOGPLEX_CI_VERSION }}",
    `OTHER_SHA256=${OLD}\nMY_MOGPLEX_CI_VERSION=1.2.3`,
    "actions/checkout@4.2.2 # MOGPLEX_CI_VERSION",
  ];
  for (const text of texts) expect(withPins(text, pins)).toBe(text);
});

test("pinnedFiles() finds every file with a pin", () => {
  const top = mkdtempSync(join(tmpdir(), "mogplex-pins-"));
  for (const folder of ["docs", "examples/ci"]) mkdirSync(join(top, folder), { recursive: true });
  writeFileSync(join(top, "deno.json"), `{ "npm:@mogplex/ci@${VERSION}": "./mod.ts" }`);
  writeFileSync(join(top, "docs/install.md"), `export MOGPLEX_CI_SHA256=${OLD}\n`);
  writeFileSync(join(top, "examples/ci/a.yml"), `MOGPLEX_CI_VERSION: ${VERSION}\n`);
  writeFileSync(join(top, "examples/ci/b.yml"), "nothing\n");
  expect(pinnedFiles(top)).toEqual([
    join(top, "deno.json"),
    join(top, "docs/install.md"),
    join(top, "examples/ci/a.yml"),
  ]);
});

test("no file of the checkout has a pin that a release does not write", () => {
  const written = pinnedFiles().map((path) => relative(root, path));
  const listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard").split("\n");
  // Tests have pins of their own.
  const files = listed.filter((path) => !/^(tests|templates)\//.test(path) && existsSync(join(root, path)));
  expect(files.length).toBeGreaterThan(300);
  const pinned = files.filter((path) => hasPin(readFileSync(join(root, path), "latin1")));
  expect(pinned.filter((path) => !written.includes(path))).toEqual([]);
});

test("the default image of the components, and of our own jobs, has the Deno that the tests run", () => {
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const { deno } = JSON.parse(read("package.json")).devDependencies;
  const { image, tag } = JSON.parse(read("components/image.json"));
  expect(tag).toBe(`alpine-${deno}`);
  const ours = [...read(".gitlab-ci.yml").matchAll(/denoland\/deno:\S*?(?=")/g)].map(([name]) => name);
  expect(new Set(ours)).toEqual(new Set([`${image}:${tag}`]));
});
