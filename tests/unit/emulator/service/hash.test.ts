import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { canonicalJson, fallbackBranch, generatedBranch } from "../../../../lib/emulator/service/hash.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";
import { builtInFixture } from "../../../../lib/emulator/state/fixture.ts";
import { createRevision } from "../../../../lib/emulator/state/store.ts";
import { makeEmulator } from "../../../../lib/emulator/emulator.ts";

const REPO_ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
const KEY = "weekly-cleanup-2026-05-18";
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

/** The record of a run that was started with a body, in the contract's repository and with its key. */
async function started(body: object, revision: "base" | "later" = "base") {
  const fixture = builtInFixture();
  const repos = fixture.repos.map((repo) => ({ ...repo, id: REPO_ID }));
  const { fetch, world } = makeEmulator({ fixture: { ...fixture, repos }, revision: createRevision(revision) });
  const answer = await fetch("http://localhost/api/v1/mogplex/runs", {
    method: "POST",
    headers: { authorization: `Bearer ${fixture.tokens[0]?.token}`, "idempotency-key": KEY },
    body: JSON.stringify(body),
  });
  return world.store.anyRun((await answer.json()).data.runId);
}

test("a start gets the contract's branch and request hash", async () => {
  const { working_branch, request_hash } = await started(body);
  expect(working_branch).toBe("mogplex/external/70a41ec8-9562673e");
  expect(request_hash).toBe("93136d2b3b9d2fcdea44a48475c42d031b6f963af0bcbf416dce9623dbe0c72e");
});

test("a start gets the contract's request hash without a new branch", async () => {
  const { working_branch, request_hash } = await started({ ...body, createBranch: false });
  expect(working_branch).toBe("main");
  expect(request_hash).toBe("8c4b7d9d1872064ffaf7c64bf2cf8b339debe72a0150344ef1a4edf7fda47883");
});

test("a start hashes worktreeId too in later revisions", async () => {
  expect((await started(body, "later")).working_branch).toBe("mogplex/external/70a41ec8-60638938");
});

test("fallbackBranch() uses twelve digits of the call's id", () => {
  expect(fallbackBranch("2f6c1d9e-0b7a-4a57-8e0f-3d1f6f0c2a44")).toBe("mogplex/agent-2f6c1d9e0b7a");
});
