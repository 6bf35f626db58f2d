import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { attachJob, lookJob, runJob } from "./detecting.ts";
import { anEvent, fakeClient, page, REPO_ID, REQUEST, RUN_ID, someEvents, started } from "./fake_client.ts";

const REPO = { id: REPO_ID, full_name: "acme/web", installation_id: null, default_branch: null, root_directory: null };
const ENDED = page("success", [...someEvents(1, 2), anEvent("f", "finished")]);

/** A service that answers a request for repositories after some time; never with Infinity. */
function world(answerMs: number, repos = [REPO]) {
  const clock = virtualClock();
  const asked: unknown[] = [];
  const aborted: unknown[] = [];
  const client = fakeClient(clock, {
    start: [started("pending")],
    events: [page("streaming", someEvents(1, 2)), ENDED],
  });
  client.listRepos = (query, call) => {
    asked.push(query);
    return new Promise((resolve, reject) => {
      call?.signal?.addEventListener("abort", () => reject(aborted.push(query)));
      if (answerMs === 0) resolve(repos);
      else if (answerMs < Infinity) {
        void clock.sleep(answerMs, { signal: call?.signal }).then(() => resolve(repos), reject);
      }
    });
  };
  return { options: { client, clock, env: () => undefined }, asked, aborted, clock };
}

test("RepositoryName has the name from one request, whether the run is started or found", async () => {
  for (const job of [(options: object) => runJob(REQUEST, options), (options: object) => attachJob(RUN_ID, options)]) {
    const { options, asked } = world(0);
    const { result } = await job(options);
    expect([result.outcome, result.repository]).toEqual(["success", "acme/web"]);
    expect(asked).toEqual([{ id: REPO_ID, limit: 1 }]);
  }
});

test("RepositoryName delays no verdict: the id stands, and the request ends with the job", async () => {
  const quick = world(0);
  const random = () => 0.5;
  await attachJob(RUN_ID, quick.options, { random });
  const silent = world(Infinity);
  const { result } = await attachJob(RUN_ID, silent.options, { random });
  expect([result.outcome, result.repoId, result.repository]).toEqual(["success", REPO_ID, null]);
  expect(silent.clock.now()).toBe(quick.clock.now());
  expect(silent.aborted.length).toBe(1);
});

test("RepositoryName sends no request when the caller knows the name, and believes no other repository", async () => {
  const known = world(0);
  const { result } = await runJob(REQUEST, known.options, { repository: "acme/known" });
  expect([result.repository, known.asked]).toEqual(["acme/known", []]);
  const other = world(0, [{ ...REPO, id: RUN_ID }]);
  expect((await runJob(REQUEST, other.options)).result.repository).toBeNull();
});

test("RepositoryName is asked beside a single look, which does not know the repository yet", async () => {
  const { options, asked } = world(0);
  const { result } = await lookJob(RUN_ID, options);
  expect([result.repository, asked]).toEqual(["acme/web", [{ id: undefined, limit: 200 }]]);
});

test("RepositoryName shares one request among jobs of a client, which ends with the last of them and is not kept when it failed", async () => {
  const { options, asked, aborted } = world(Infinity);
  await Promise.all([attachJob(RUN_ID, options), attachJob(RUN_ID, options)]);
  expect([asked.length, aborted.length]).toEqual([1, 1]);
  await attachJob(RUN_ID, options);
  expect(asked.length).toBe(2);
  const refused = world(0);
  const listRepos = refused.options.client.listRepos;
  refused.options.client.listRepos = (query, call) => {
    void listRepos(query, call);
    return refused.asked.length === 1 ? Promise.reject(new Error("away")) : Promise.resolve([REPO]);
  };
  const names = [];
  for (let jobs = 0; jobs < 2; jobs++) names.push((await attachJob(RUN_ID, refused.options)).result.repository);
  expect(names).toEqual([null, "acme/web"]);
});
