import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../../lib/errors.ts";
import type { StartRequest } from "../../../lib/model.ts";
import { branchProblem, isUuid, normalizeRoot } from "../../../lib/service/contract.ts";
import {
  checkIdempotencyKey,
  checkTriggerInput,
  checkUuid,
  validateStartRequest,
} from "../../../lib/service/validate.ts";
import { propertyRuns } from "../../property_runs.ts";
import { REPO_ID } from "./answers.ts";

const base: StartRequest = { repoId: REPO_ID, prompt: "Fix it" };

function refusal(more: Partial<Record<keyof StartRequest, unknown>>): string {
  try {
    validateStartRequest({ ...base, ...more } as StartRequest);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`Expected ${JSON.stringify(more)} to be refused`);
}

test("validateStartRequest() trims and normalizes, and keeps absent fields absent", () => {
  const request: StartRequest = {
    repoId: ` ${REPO_ID.toUpperCase()} `,
    prompt: "\n Fix it ",
    harness: " codex " as never,
    baseBranch: " main ",
    workingBranch: undefined,
    createBranch: true,
    rootDirectory: "./apps//web/",
    mode: "yolo" as never,
  };
  expect(JSON.stringify(validateStartRequest(request))).toBe(JSON.stringify(
    {
      repoId: REPO_ID,
      prompt: "Fix it",
      harness: "codex",
      baseBranch: "main",
      createBranch: true,
      rootDirectory: "apps/web",
      mode: "YOLO",
    },
  ));
  expect(validateStartRequest(base)).toEqual(base);
});

test("validateStartRequest() normalizes the repository's root to null", () => {
  for (const rootDirectory of [null, ".", "/", "./", ""]) {
    expect(validateStartRequest({ ...base, rootDirectory }).rootDirectory).toBeNull();
  }
});

test("validateStartRequest() refuses an id that is not a UUID", () => {
  expect(refusal({ repoId: "acme/web" })).toBe(
    `Cannot use repository id because it must be a UUID (8-4-4-4-12 hexadecimal digits): "acme/web"; "repos list", or api.listRepos() in a script, shows the ids`,
  );
  for (const repoId of ["", null, undefined]) expect(refusal({ repoId })).toContain("none was given");
  for (const repoId of [5, `${REPO_ID}0`]) expect(refusal({ repoId })).toContain("must be a UUID");
});

test("validateStartRequest() measures the prompt after trimming, in UTF-16 units", () => {
  expect(refusal({ prompt: " \n" })).toContain("the prompt is empty");
  expect(refusal({ prompt: 5 })).toBe("Cannot use prompt because it must be text: 5");
  expect(validateStartRequest({ ...base, prompt: ` ${"😀".repeat(50_000)} ` }).prompt.length).toBe(100_000);
  expect(refusal({ prompt: `${"😀".repeat(50_000)}x` })).toBe(
    "Cannot start run: the prompt must have at most 100000 characters, but has 100001",
  );
});

test("validateStartRequest() names the character of a branch that the service refuses", () => {
  expect(refusal({ baseBranch: "dependabot/npm_and_yarn/@types/node-20" })).toContain(
    `the character "@" is not allowed`,
  );
  expect(refusal({ workingBranch: "größe" })).toContain(`the character "ö" is not allowed`);
  expect(refusal({ workingBranch: "a😀" })).toContain(`the character "😀" is not allowed`);
  expect(refusal({ baseBranch: "a\nb" })).toContain(`the character "\\n" is not allowed`);
  expect(refusal({ baseBranch: "HEAD" })).toContain("HEAD");
});

test("validateStartRequest() throws an error in parts", () => {
  const thrown = (more: Partial<StartRequest>) => {
    try {
      return validateStartRequest({ ...base, ...more });
    } catch (error) {
      return error;
    }
  };
  expect(thrown({ baseBranch: "a@b" })).toMatchObject({
    message: 'Cannot use base branch because the character "@" is not allowed: "a@b"; ' +
      'the service accepts letters, digits, "_", ".", "/" and "-"',
    attempted: "use base branch",
    why: 'the character "@" is not allowed',
    value: '"a@b"',
    advice: 'the service accepts letters, digits, "_", ".", "/" and "-"',
  });
  expect(thrown({ prompt: "" })).toMatchObject({
    message: "Cannot start run: the prompt is empty",
    attempted: "start run",
    why: "the prompt is empty",
    value: null,
    advice: null,
  });
});

test("validateStartRequest() refuses branches on which the run would fail in Git later", () => {
  expect(refusal({ baseBranch: "-x" })).toContain(`starts with "-"`);
  expect(refusal({ baseBranch: ".x" })).toContain(`starts with "."`);
  expect(refusal({ baseBranch: "a/.x" })).toContain(`starts with "."`);
  expect(refusal({ baseBranch: "a.lock/b" })).toContain(`".lock"`);
});

test("validateStartRequest() refuses a new branch that is the base branch", () => {
  expect(refusal({ createBranch: true, baseBranch: "main", workingBranch: " main" })).toContain(
    "must differ from the base branch",
  );
  expect(validateStartRequest({ ...base, baseBranch: "main", workingBranch: "main" }).workingBranch).toBe("main");
});

test("validateStartRequest() refuses values that the service would silently replace", () => {
  expect(refusal({ createBranch: "true" })).toContain("must be true or false");
  expect(refusal({ mode: "fast" })).toBe(`Cannot use mode because it must be one of SAFE, AUTO, YOLO: "fast"`);
  expect(refusal({ harness: " " })).toBe(`Cannot use harness because it must be a name of at most 100 characters: " "`);
  expect(validateStartRequest({ ...base, harness: " gemini " }).harness).toBe("gemini");
  expect(refusal({ harness: 5 })).toContain("harness");
  expect(refusal({ mode: 5 })).toContain("mode");
  expect(refusal({ baseBranch: 5 })).toContain("base branch");
  expect(refusal({ rootDirectory: 5 })).toContain("root directory");
});

test("validateStartRequest() accepts the later harness with the fields that it needs", () => {
  expect(validateStartRequest({ ...base, harness: "mogplex", createBranch: true }).harness).toBe("mogplex");
  expect(refusal({ harness: "mogplex" })).toContain("requires createBranch");
  expect(refusal({ harness: "mogplex", createBranch: true, mode: "SAFE" })).toContain("does not accept a mode");
});

test("validateStartRequest() refuses root directories that lead out, or hide that they do", () => {
  for (const rootDirectory of ["..", "a/../b", "/..", "a/%2e%2e/b", "%2E"]) {
    expect(refusal({ rootDirectory })).toContain("root directory");
  }
  expect(refusal({ rootDirectory: "a\0b" })).toContain("NUL");
});

test("validateStartRequest() refuses a text that the service cannot store, in every field, and tells a file in UTF-16", () => {
  for (const bad of ["a\0b", "a\ud83db", "\udc00"]) {
    for (const field of ["prompt", "harness", "baseBranch", "workingBranch", "rootDirectory", "mode"]) {
      expect(refusal({ [field]: bad }), field).toMatch(/U\+0000|surrogate|must be one of/);
    }
  }
  const utf16 = [..."Fix the flaky tests"].map((char) => `${char}\0`).join("");
  expect(refusal({ prompt: utf16 })).toBe(
    "Cannot use prompt: it contains a NUL character (U+0000); it seems to come from a UTF-16 file: save the file as UTF-8",
  );
  expect(refusal({ prompt: "Remove \0 from the file" })).not.toContain("UTF-16");
  expect(validateStartRequest({ ...base, prompt: "\u{1f600} \ufffd" }).prompt).toBe("\u{1f600} \ufffd");
});

test("checkTriggerInput() refuses numbers that JSON would turn into null", () => {
  for (const number of [JSON.parse("1e400"), -Infinity, NaN]) {
    expect(() => checkTriggerInput({ deep: [{ number }] })).toThrow("too large, or NaN");
  }
  expect(checkTriggerInput({ number: 1e300 })).toEqual({ number: 1e300 });
});

test("checkTriggerInput() refuses what the service cannot store, in names and values at any depth", () => {
  const bad = ["x\0", "\ud800", "\udfff y"].flatMap((text): unknown[] => [
    { a: text },
    { [text]: 1 },
    { a: [{ b: [text] }] },
    { a: { toJSON: () => ({ b: { [text]: 1 } }) } },
  ]);
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  for (const input of [...bad, { deep }, { big: 1n }]) {
    expect(() => checkTriggerInput(input as Record<string, unknown>)).toThrow(UsageError);
  }
  const fine = { "\u{1f600}": ["\\u0000", "\\ud800", null, { "": -0.5 }] };
  expect(checkTriggerInput(fine)).toEqual(fine);
});

test("checkIdempotencyKey() trims, and refuses keys that are empty, too long or not printable ASCII", () => {
  expect(checkIdempotencyKey(` ${"k".repeat(200)}\n`, (text) => text)).toBe("k".repeat(200));
  expect(() => checkIdempotencyKey("k".repeat(201), (text) => text)).toThrow(
    "must have at most 200 characters, but has 201",
  );
  expect(() => checkIdempotencyKey(" \t", (text) => text)).toThrow("it is empty");
  expect(() => checkIdempotencyKey("größe", (text) => text)).toThrow(`it contains "ö"`);
  expect(() => checkIdempotencyKey("a\r\nX: y", (text) => text)).toThrow("printable ASCII");
});

test("checkIdempotencyKey() refuses a key that contains an access token, and does not show it", () => {
  const token = "mog_Zk9pQ2rT7vXw3YbN5sLdF8aG";
  const oauth = "oauth~token-1";
  const maskToken = (text: string) => text.replaceAll(oauth, "*");
  for (const key of [token, ` ${token}\n`, `weekly-${token}`, oauth, `a/${oauth}/b`]) {
    let message = "";
    try {
      checkIdempotencyKey(key, maskToken);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      message = (error as Error).message;
    }
    expect([message.includes("access token"), message.includes(key.trim())]).toEqual([true, false]);
  }
  expect(checkIdempotencyKey("mog_weekly", (text) => text)).toBe("mog_weekly");
});

test("checkUuid() says that an id is missing when a script passes none", () => {
  for (const id of [undefined, null, ""]) {
    expect(() => checkUuid(id as string, "run id")).toThrow("Cannot use run id: none was given");
  }
});

test("checkUuid() gives lower case", () => {
  expect(String(checkUuid(REPO_ID.toUpperCase(), "run id"))).toBe(REPO_ID);
  expect(isUuid("8f3a2b1c12344abc9def1234567890ab")).toBe(false);
});

/** The rule of the contract, implemented a second time. */
function accepted(name: string): boolean {
  return /^[A-Za-z0-9_./-]+$/.test(name) && name !== "@" && name !== "HEAD" &&
    !/^\/|\/$|\.$|\.lock$|\.\.|\/\//.test(name);
}

test("branchProblem() agrees with the contract's rule for any name", () => {
  const names = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[a-zA-Z0-9_./@ -]{0,12}$/),
    fc.constantFrom("HEAD", "@", "a.lock", "a.lockb", "a//b"),
  );
  fc.assert(fc.property(names, (name) => (branchProblem(name) === undefined) === accepted(name)), {
    numRuns: propertyRuns(2000),
  });
});

test("normalizeRoot() gives null or a relative path without empty or dot-dot segments, and is idempotent", () => {
  const paths = fc.oneof(fc.string(), fc.stringMatching(/^[ a.%2eE/-]{0,14}$/));
  fc.assert(
    fc.property(paths, (text) => {
      const result = normalizeRoot(text);
      if (!result.ok || result.root === null) return true;
      const { root } = result;
      expect(root.split("/").every((part) => part !== "" && part !== "..")).toBe(true);
      // One leading "./" is taken off, not two; and blanks around an encoded dot hide it from the first check.
      const again = !root.startsWith("./") && root === root.trim() && !/(?:^|\/)(?:%2e){1,2}(?:\/|$)/i.test(root);
      if (again) expect(normalizeRoot(root)).toEqual(result);
      return true;
    }),
    { numRuns: propertyRuns(2000) },
  );
});
