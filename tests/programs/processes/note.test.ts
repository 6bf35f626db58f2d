import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { noteMarker } from "../../../lib/forge/note.ts";
import { BOT, GITLAB_TOKEN, type GitlabServer, gitlabServer } from "../../unit/report/gitlab_server.ts";
import { listen } from "../report/listen.ts";
import type { Fault } from "../../unit/report/served.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { type Ended, launch, REPO, type Service, sharedService } from "./world/service.ts";

let service: Service;
const ends: (() => void)[] = [];

beforeAll(async () => {
  service = await sharedService();
});

afterAll(() => {
  for (const end of ends) end();
});

const JOB = `agent: [--> <img src="https://evil.example/p.png">, "x"]`;
const MARKER = await noteMarker(JOB, `["1","2"]`);

async function listening(): Promise<GitlabServer> {
  const gitlab = gitlabServer("42", "7");
  ends.push(await listen(gitlab));
  return gitlab;
}

interface Job extends Ended {
  summary: string;
}

/** A job of a merge request pipeline. */
async function job(
  prompt: string,
  gitlab: GitlabServer,
  more: Record<string, string> = {},
): Promise<Job> {
  const cwd = mkdtempSync(join(service.folder, "note-"));
  const key = service.token();
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: key,
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_API_V4_URL: gitlab.api,
    CI_PROJECT_ID: "9",
    CI_MERGE_REQUEST_PROJECT_ID: "42",
    CI_MERGE_REQUEST_IID: "7",
    CI_PIPELINE_ID: crypto.randomUUID(),
    CI_JOB_NAME: JOB,
    CI_JOB_ID: "5",
    CI_NODE_INDEX: "1",
    CI_NODE_TOTAL: "2",
    MOGPLEX_NOTE_TOKEN_VARIABLE: "TEAM_TOKEN",
    TEAM_TOKEN: GITLAB_TOKEN,
    ...more,
  };
  const args = ["run", "--follow", prompt, "--repo", REPO, "--create-branch"];
  const ended = await launch([runtimes.node, built("mogplex.mjs"), ...args], { cwd, env }).ended;
  for (const text of [ended.stdout, ended.stderr]) expect(text).not.toContain(GITLAB_TOKEN);
  for (const text of gitlab.received) expect(text).not.toContain(key);
  const stderr = ended.stderr.replace(/^note: sending requests.*\n/, "");
  return { ...ended, stderr, summary: readFileSync(join(cwd, "mogplex-ci/summary.md"), "utf8") };
}

const refusal = (status: number) =>
  Response.json({ message: "no" }, { status, headers: { location: "https://evil.example/" } });
// Those that are not tried again; the others take seconds of real time, and are tested in tests/unit/cli/job/note.test.ts.
const FAULTS: readonly [fault: () => Fault, words: string][] = [
  [
    () => refusal(401),
    "GitLab refuses the token in variable TEAM_TOKEN, which is unknown, expired or revoked (HTTP 401",
  ],
  [() => refusal(403), "the token in variable TEAM_TOKEN lacks a permission"],
  [() => refusal(404), "GitLab does not show the merge request to the token"],
  [() => refusal(302), "the response is a redirect, and following it would lose the token"],
];

test("a job writes one note, finds it on page 3, and updates it whatever the verdict", async () => {
  const gitlab = await listening();
  for (let index = 0; index < 230; index++) gitlab.add(`Comment ${index}`);
  const first = await job("<success>", gitlab);
  const noteLine = (what: string) => `note: summary ${what} in note 1230 of merge request !7\n`;
  expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: noteLine("written") });
  const second = await job("<agent-failure>", gitlab);
  expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 1, stderr: noteLine("updated") });
  const own = gitlab.notes.filter((note) => note.author.id === BOT);
  expect(own.map(({ body }) => body.startsWith(`${MARKER}\n\n❌ **Failed** after `))).toEqual([true]);
  // What the merge request still needs is read after a success only. The pull request of the first job is not at this GitLab.
  expect(gitlab.requests).not.toContain("GET /projects/42/merge_requests/7");
  const kinds = gitlab.requests.map((request) => request.replace(/[/?].*$/, "").trim());
  // Each job looks for it once. How often it is changed meanwhile depends on how long the run takes; see tests/unit/forge/living_note.test.ts.
  const looks = ["GET", "GET", "GET", "POST", "GET", "GET", "GET", "GET"];
  expect([kinds.filter((kind) => kind !== "PUT"), kinds.at(-1)]).toEqual([looks, "PUT"]);
  expect(gitlab.actions).toEqual([]);
});

test("a job without GitLab's token says once what is missing, and asks nothing", async () => {
  const gitlab = await listening();
  const { code, stderr } = await job("<agent-failure>", gitlab, { TEAM_TOKEN: "" });
  expect({ code, lines: stderr.split("\n").length, requests: gitlab.requests }).toEqual({
    code: 1,
    lines: 2,
    requests: [],
  });
  expect(stderr).toStartWith("note: Cannot write a note on merge request !7: variable TEAM_TOKEN is empty; ");
});

test("a job keeps its verdict when GitLab refuses it, in one notice", async () => {
  await Promise.all(FAULTS.map(async ([fault, words]) => {
    const gitlab = await listening();
    for (let count = 0; count < 10; count++) gitlab.faults.push({ match: /./, fault: fault() });
    const { code, stderr } = await job("<agent-failure>", gitlab);
    expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toStartWith("note: Cannot look for an earlier note on merge request !7: ");
    expect(stderr).toContain(words);
  }));
});

test("a job gets its note through a GitLab that resets, and loses the answer to the post", async () => {
  const gitlab = await listening();
  gitlab.faults.push({ match: /^GET/, fault: "reset" }, { match: /^POST/, fault: "reset after" });
  const { code, stderr } = await job("<success>", gitlab);
  // Found after the answer to the post was lost.
  expect({ code, stderr }).toEqual({ code: 0, stderr: "note: summary updated in note 1000 of merge request !7\n" });
  expect(gitlab.notes.map(({ body }) => body.startsWith(MARKER))).toEqual([true]);
});
