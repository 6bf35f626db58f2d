/** The note of a killed job, which `after_script` completes. The model of GitLab's notes is `gitlab_server.ts`, which names its source. */
import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/component/main.ts";
import { flagVariable } from "../../../../lib/cli/component/inputs.ts";
import { HISTORY } from "../../../../lib/cli/options.ts";
import { noteMarker } from "../../../../lib/forge/note.ts";
import { readHistory } from "../../../../lib/report/history.ts";
import { GITLAB_TOKEN, type GitlabServer, gitlabServer } from "../../report/gitlab_server.ts";
import type { Fault } from "../../report/served.ts";
import { fakeIo } from "../fake_io.ts";
import { type GitlabProject, gitlabProject, PROJECT } from "../verbs/gitlab_project.ts";
import { REPO, TOKEN, type World, world } from "../world.ts";

const MARKER = noteMarker("agent", "");
const END = "🚫 **Interrupted**: `The job was stopped, so after_script cancelled the run`";

function jobIo(gitlab: GitlabServer, env: Record<string, string>, files: Record<string, string> = {}) {
  const job = {
    ...{ MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO, MOGPLEX_PROMPT: "Fix it", MOGPLEX_TIMEOUT: "60" },
    ...{ GITLAB_TOKEN, GITLAB_CI: "true", CI_SERVER_URL: "https://gitlab.example/gitlab", CI_API_V4_URL: gitlab.api },
    ...{ CI_PROJECT_ID: "9", CI_PIPELINE_ID: "3", CI_JOB_NAME: "agent", CI_JOB_ID: "5" },
    ...{ CI_MERGE_REQUEST_PROJECT_ID: "42", CI_MERGE_REQUEST_IID: "7" },
  };
  return fakeIo({ env: { ...job, ...env }, files });
}

function fetchOf(at: World, gitlab: GitlabServer) {
  return (url: string, init: RequestInit) =>
    url.startsWith(gitlab.api) ? gitlab.fetch(url, init) : at.emulator.fetch(url, init);
}

/** A job whose process was killed after 30 seconds: its files and its note as they were then. */
async function killedJob() {
  const at = world("stuck-streaming");
  const gitlab = gitlabServer("42", "7");
  const io = jobIo(gitlab, {});
  let [files, notes]: [Record<string, string>, GitlabServer["notes"]] = [{}, []];
  void at.clock.sleep(30_000).then(() => {
    [files, notes] = [Object.fromEntries(io.files), structuredClone(gitlab.notes)];
  });
  expect(await main(["run"], io, { clock: at.clock, fetch: fetchOf(at, gitlab) })).toBe(124);
  expect(notes.map(({ body }) => body.startsWith(`${MARKER}\n\n⏳ **Running**`))).toEqual([true]);
  Object.assign(gitlab, { notes, requests: [] });
  return { at, gitlab, files };
}

interface CleanupOptions {
  env?: Record<string, string>;
  /** Changes GitLab first. */
  arrange?: (gitlab: GitlabServer) => void;
}

async function cleanUpKilled({ env = {}, arrange }: CleanupOptions = {}) {
  const { at, gitlab, files } = await killedJob();
  arrange?.(gitlab);
  const io = jobIo(gitlab, { CI_JOB_STATUS: "canceled", ...env }, files);
  const code = await main(["cleanup"], io, { clock: at.clock, fetch: fetchOf(at, gitlab) });
  expect(gitlab.received.join("\n")).not.toContain(TOKEN);
  const runs = [...at.emulator.world.store.runs.values()].map(({ status }) => status);
  const notices = io.text.stdout.split("\n").filter((line) => line.startsWith("note: "));
  const writes = gitlab.requests.filter((each) => !each.startsWith("GET "));
  return { code, runs, notices, writes, gitlab };
}

test("cleanup ends the note of the run that it cancels", async () => {
  const { gitlab, ...job } = await cleanUpKilled();
  expect(job).toEqual({
    code: 0,
    runs: ["cancelled"],
    notices: ["note: summary updated in note 1000 of merge request !7"],
    writes: ["PUT /projects/42/merge_requests/7/notes/1000"],
  });
  expect(gitlab.notes.map(({ body }) => body.split("\n")[2])).toEqual([END]);
  expect(gitlab.notes[0]?.body).toMatch(/\n<!-- mogplex:edits 1 of [0-9a-f-]{36} -->\n$/);
});

test("cleanup adds the run to the history of the job, also if it leaves the run alone", async () => {
  for (const status of ["canceled", "failed"]) {
    const { at, gitlab, files } = await killedJob();
    const io = jobIo(gitlab, { CI_JOB_STATUS: status, [flagVariable(HISTORY)]: "runs.ndjson" }, files);
    expect(await main(["cleanup"], io, { clock: at.clock, fetch: fetchOf(at, gitlab) })).toBe(0);
    const { records, skipped } = readHistory(io.files.get("runs.ndjson") ?? "");
    expect([records.map(({ job, outcome }) => [job, outcome]), skipped]).toEqual([[["agent", "interrupted"]], []]);
  }
});

test("cleanup writes no note that is not there, is about another run, or is by another user", async () => {
  const changes: ((gitlab: GitlabServer) => void)[] = [
    (gitlab) => gitlab.notes.splice(0),
    ({ notes: [note] }) =>
      note && (note.body = note.body.replace(/ of [0-9a-f-]{36} -->/, ` of ${crypto.randomUUID()} -->`)),
    ({ notes: [note] }) => note && (note.author = { id: 5 }),
  ];
  for (const arrange of changes) {
    const { gitlab: _, ...job } = await cleanUpKilled({ arrange });
    expect(job).toEqual({ code: 0, runs: ["cancelled"], notices: [], writes: [] });
  }
});

test("cleanup asks GitLab for nothing if the job has no note, or no token for it", async () => {
  const without: Record<string, string>[] = [
    { GITLAB_TOKEN: "" },
    { MOGPLEX_NOTE: "off" },
    { CI_MERGE_REQUEST_IID: "" },
    // Its run is left alone.
    { CI_JOB_STATUS: "failed" },
  ];
  for (const env of without) {
    const { code, notices, gitlab } = await cleanUpKilled({ env });
    expect([env, code, notices, gitlab.requests]).toEqual([env, 0, [], []]);
  }
});

test("cleanup prints one line and ends with 0 if GitLab fails, or a setting of the note is wrong", async () => {
  const refusal = () => Response.json({ message: "no" }, { status: 403 });
  const cases: [options: CleanupOptions, words: string][] = [
    ...[["reset", "the network failed"], ["hang", "GitLab took longer than 15 seconds"], [
      refusal,
      "lacks a permission",
    ]]
      .map(([fault, words]): [CleanupOptions, string] => [{
        arrange({ faults }) {
          for (let count = 0; count < 50; count++) {
            faults.push({ match: /./, fault: typeof fault === "function" ? fault() : fault as Fault });
          }
        },
      }, words as string]),
    [{ env: { MOGPLEX_NOTE: "yes" } }, "Cannot use MOGPLEX_NOTE because it must be one of auto, off"],
  ];
  for (const [options, words] of cases) {
    const { code, runs, notices, writes } = await cleanUpKilled(options);
    expect([words, code, runs, writes]).toEqual([words, 0, ["cancelled"], []]);
    expect(notices).toEqual([expect.stringContaining(words)]);
  }
});

/** A job of the component `respond` for a comment, killed after 30 seconds; then its cleanup. */
async function cleanUpMention(arrange: (gitlab: GitlabProject) => void = () => {}) {
  const at = world("stuck-streaming");
  const gitlab = gitlabProject(() => new Date(at.clock.wallTime()).toISOString());
  const comment = gitlab.say("merge_requests/7", "kim", "@mogplex go");
  const payload = JSON.stringify({
    object_kind: "note",
    project: { id: PROJECT },
    object_attributes: { id: comment.id },
    merge_request: { iid: 7 },
  });
  const env = {
    ...{ MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO, MOGPLEX_TIMEOUT: "60", MOGPLEX_INPUT_RESPOND_NAME: "mogplex" },
    ...{ GITLAB_TOKEN, GITLAB_CI: "true", CI_PIPELINE_SOURCE: "trigger", TRIGGER_PAYLOAD: "/builds/payload" },
    ...{ CI_SERVER_URL: "https://gitlab.example", CI_API_V4_URL: gitlab.api, CI_PROJECT_ID: String(PROJECT) },
    ...{ CI_PIPELINE_ID: "3", CI_JOB_NAME: "mogplex-respond", CI_JOB_ID: "5" },
  };
  const fetch = (url: string, init: RequestInit) =>
    url.startsWith(gitlab.api) ? gitlab.fetch(url, init) : at.emulator.fetch(url, init);
  const io = fakeIo({ env, files: { "/builds/payload": payload } });
  let [files, notes] = [new Map<string, string>(), gitlab.notes];
  void at.clock.sleep(30_000).then(() => {
    [files, notes] = [new Map(io.files), structuredClone(gitlab.notes)];
  });
  expect(await main(["respond-true"], io, { clock: at.clock, fetch })).toBe(124);
  gitlab.notes.splice(0, Infinity, ...notes);
  gitlab.requests.splice(0);
  arrange(gitlab);
  const after = fakeIo({ env: { ...env, CI_JOB_STATUS: "canceled" }, files: Object.fromEntries(files) });
  const code = await main(["cleanup"], after, { clock: at.clock, fetch });
  const runs = [...at.emulator.world.store.runs.values()].map(({ status }) => status);
  const writes = gitlab.requests.filter((each) => !/^GET |graphql$/.test(each)).map((each) => each.replace(/\?.*/, ""));
  const texts = gitlab.notes.filter(({ author }) => author.id === 77).map(({ body }) => /^[⏳🚫].*$/mu.exec(body)?.[0]);
  const notices = after.text.stdout.split("\n").filter((line) => line.startsWith("note: "));
  return { code, runs, texts, writes, notices };
}

test("cleanup of the component respond ends the note of the mention", async () => {
  expect(await cleanUpMention()).toEqual({
    code: 0,
    runs: ["cancelled"],
    texts: ["🚫 **Cancelled** after 1 min"],
    writes: [
      "PUT /projects/42/merge_requests/7/notes/1001",
      "POST /projects/42/merge_requests/7/notes/1000/award_emoji",
    ],
    notices: [expect.stringMatching(/^note: added the missing result to the note of run [0-9a-f-]{36}$/)],
  });
});

test("cleanup of the component respond creates no note, and prints one line if GitLab fails", async () => {
  const deleted = await cleanUpMention(({ notes }) => notes.splice(1));
  expect(deleted).toEqual({ code: 0, runs: ["cancelled"], texts: [], writes: [], notices: [] });
  const refused = await cleanUpMention((gitlab) => {
    gitlab.faults = Array.from({ length: 40 }, () => ({ match: /./, fault: Response.json({}, { status: 403 }) }));
  });
  expect(refused).toMatchObject({ code: 0, runs: ["cancelled"], writes: [] });
  expect(refused.texts).toEqual([expect.stringMatching(/^⏳ \*\*Running\*\*/)]);
  expect(refused.notices).toEqual([expect.stringContaining("note: Cannot ")]);
});
