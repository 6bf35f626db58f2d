import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { canonicalJson, fallbackBranch, generatedBranch } from "../../../../lib/emulator/service/hash.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";
import { normaliseStart } from "../../../../lib/emulator/service/runs.ts";
import { createRevision } from "../../../../lib/emulator/state/store.ts";

const REPO_ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
const KEY = "weekly-cleanup-2026-05-18";
const repo = {
  id: REPO_ID,
  key: "r",
  userId: "u",
  full_name: "acme/web",
  installation_id: 1,
  default_branch: "main",
  root_directory: null,
  hidden: false,
};
const body = { repoId: REPO_ID, prompt: "Fix flaky tests", createBranch: true };

test("canonicalJson() writes the contract's example", () => {
  const request = {
    repoId: REPO_ID,
    prompt: "Fix flaky tests",
    harness: "codex",
    baseBranch: "main",
    createBranch: true,
    rootDirectory: null,
    conversationId: null,
    workspaceSessionId: null,
    mode: null,
  };
  expect(canonicalJson(request)).toBe(
    `{"baseBranch":"main","conversationId":null,"createBranch":true,"harness":"codex","mode":null,"prompt":"Fix flaky tests","repoId":"${REPO_ID}","rootDirectory":null,"workspaceSessionId":null}`,
  );
});

test("canonicalJson() does not depend on the order of keys", () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
    const reversed = Object.fromEntries(Object.entries(fields).reverse());
    expect(canonicalJson(reversed)).toBe(canonicalJson(fields));
  }));
});

test("sha256Hex() gives the contract's hash of a key", async () => {
  expect(await sha256Hex(KEY)).toBe("70a41ec86f04f1c8b8367b066ae8bf3c7491016e03180c57bbc3570c483ef52a");
});

test("generatedBranch() joins the two hashes", async () => {
  expect(await generatedBranch(KEY, "9562673ee8bd")).toBe("mogplex/external/70a41ec8-9562673e");
});

test("normaliseStart() gives the contract's branch and request hash", async () => {
  const { start, requestHash } = await normaliseStart(body, repo, KEY, createRevision());
  expect(start.workingBranch).toBe("mogplex/external/70a41ec8-9562673e");
  expect(requestHash).toBe("93136d2b3b9d2fcdea44a48475c42d031b6f963af0bcbf416dce9623dbe0c72e");
});

test("normaliseStart() gives the contract's request hash without a new branch", async () => {
  const { start, requestHash } = await normaliseStart({ ...body, createBranch: false }, repo, KEY, createRevision());
  expect(start.workingBranch).toBe("main");
  expect(requestHash).toBe("8c4b7d9d1872064ffaf7c64bf2cf8b339debe72a0150344ef1a4edf7fda47883");
});

test("normaliseStart() hashes worktreeId too in later revisions", async () => {
  const { start } = await normaliseStart(body, repo, KEY, createRevision("later"));
  expect(start.workingBranch).toBe("mogplex/external/70a41ec8-60638938");
});

test("fallbackBranch() uses twelve digits of the call's id", () => {
  expect(fallbackBranch("2f6c1d9e-0b7a-4a57-8e0f-3d1f6f0c2a44")).toBe("mogplex/agent-2f6c1d9e0b7a");
});
