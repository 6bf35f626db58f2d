/**
 * `run --follow --after` on GitHub, which has the shapes of its documentation, and on Gitea, whose answers the lab has recorded; with the local
 * Mogplex. What is the same on every forge is in `run_after.test.ts`.
 */
import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { type Exchange, giteaForge, ORIGIN } from "../../forge/gitea_forge.ts";
import RECORDED from "../../forge/gitea_threads_answers.json" with { type: "json" };
import { GITEA_TOKEN } from "../../forge/world.ts";
import { fakeIo } from "../fake_io.ts";
import { TOKEN, world } from "../world.ts";
import { GITHUB_TOKEN, githubProject } from "./github_project.ts";

/** A forge with pull request 7, and the variables of a job there. */
interface Place {
  server: string;
  token: string;
  /** Branch and address of the pull request. */
  source: string;
  url: string;
  job: Record<string, string>;
  /** Tokens that were sent, one for each request. */
  sent: string[];
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** @param server A server of one's own has its API below its own address. */
function onGithub(server = "https://github.com"): Place {
  const github = githubProject(() => "2026-03-02T12:00:00Z");
  github.threads.set(7, { ...github.threads.get(7), url: `${server}/acme/api/pull/7` });
  const sent: string[] = [];
  // Source: GitHub, "Using GitHub Enterprise Server": the REST API is below /api/v3, GraphQL is /api/graphql.
  const publicUrl = (url: string) => url.replace(/^https:\/\/[^/]+\/api(?:\/v3)?\//, `${github.api}/`);
  return {
    server,
    token: GITHUB_TOKEN,
    source: "feature",
    url: `${server}/acme/api/pull/7`,
    job: { GITHUB_REPOSITORY: "acme/api", GITHUB_TOKEN },
    sent,
    fetch(url, init) {
      sent.push(`${new URL(url).host} ${new Headers(init.headers).get("authorization")}`);
      return github.fetch(publicUrl(url), init);
    },
  };
}

function onGitea(): Place {
  const recorded = RECORDED.recordings as { name: string; exchanges: Exchange[] }[];
  const exchanges = ["a pull request", "the repository", "a branch of its own"].flatMap((name) =>
    recorded.find((each) => each.name === name)?.exchanges ?? []
  );
  const list = [exchanges.find(({ asked }) => asked.endsWith("/pulls/7"))?.body];
  const gitea = giteaForge({
    exchanges: [...exchanges, {
      asked: "GET /repos/acme/web/pulls?state=all&limit=50&page=1",
      status: 200,
      body: list,
    }],
  });
  const sent: string[] = [];
  return {
    server: ORIGIN,
    token: GITEA_TOKEN,
    source: "fix/one",
    url: `${ORIGIN}/acme/web/pulls/7`,
    job: { GITHUB_REPOSITORY: "acme/web", GITEA_ACTIONS: "true", GITEA_TOKEN },
    sent,
    fetch(url, init) {
      sent.push(`${new URL(url).host} ${new Headers(init.headers).get("authorization")}`);
      return gitea.fetch(url, init);
    },
  };
}

type At = ReturnType<typeof world> & Place;

const place = (forge: Place): At => ({ ...world(), ...forge });

const runsOf = ({ emulator }: At) => [...emulator.world.store.runs.values()];

let jobs = 0;

/** Calls it in its own job at the forge. @param env Variables in addition to the job's; an empty one is not set. */
async function runAfter(at: At, args: string[], files: Record<string, string> = {}, env: Record<string, string> = {}) {
  const { server, emulator, clock } = at;
  const io = fakeIo({
    files,
    env: {
      ...{ MOGPLEX_API_KEY: TOKEN, GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: server },
      ...{
        GITHUB_API_URL: "GITEA_ACTIONS" in at.job
          ? `${server}/api/v1`
          : server === "https://github.com"
          ? "https://api.github.com"
          : `${server}/api/v3`,
      },
      ...{ GITHUB_RUN_ID: String(++jobs), GITHUB_RUN_ATTEMPT: "1", GITHUB_JOB: "agent", GITHUB_WORKFLOW: "Agent" },
      ...at.job,
      ...env,
    },
  });
  const isService = (url: string) => new URL(url).host === "mogplex.com";
  const fetch = (url: string, init: RequestInit) => isService(url) ? emulator.fetch(url, init) : at.fetch(url, init);
  const code = await main(["run", "--follow", ...args], io, { fetch, clock });
  return { code, ...io.text };
}

const LAPTOP = { GITHUB_ACTIONS: "", GITEA_ACTIONS: "", GITHUB_SERVER_URL: "", GITHUB_RUN_ID: "", GITHUB_JOB: "" };

/** Each forge, with the environment in which its pull request is named by its address. */
const FORGES: readonly (readonly [name: string, make: () => Place, elsewhere: Record<string, string>])[] = [
  ["GitHub", onGithub, LAPTOP],
  ["a GitHub server of one's own", () => onGithub("https://github.example"), {}],
  ["Gitea", onGitea, {}],
];

for (const [name, make, elsewhere] of FORGES) {
  test(`run --after works on the branch of a pull request of ${name}, by its number and by its address`, async () => {
    for (const [after, env] of [["7", {}], [make().url, elsewhere]] as const) {
      const at = place(make());
      expect(await runAfter(at, ["--after", after, "also the docs"], {}, env)).toMatchObject({ code: 0 });
      expect(runsOf(at)).toMatchObject([
        { prompt: "also the docs", base_branch: "main", working_branch: at.source, create_branch: false },
      ]);
      const { host } = new URL(at.server);
      const api = host === "github.com" ? "api.github.com" : host;
      expect([...new Set(at.sent)]).toEqual([`${api} Bearer ${at.token}`]);
    }
  });

  test(`run --after finds the pull request of ${name} by the run of a result`, async () => {
    const at = place(make());
    await runAfter(at, ["--after", "7", "first"]);
    const files = { "result.json": JSON.stringify({ runId: runsOf(at)[0]?.id }) };
    expect(await runAfter(at, ["--after", "result.json", "also the docs"], files)).toMatchObject({ code: 0 });
    expect(runsOf(at)[1]).toMatchObject({ prompt: "also the docs", working_branch: at.source, create_branch: false });
  });
}

test("run --after sends no token of GitHub or Gitea to another server than the one that it is for", async () => {
  const other = "https://elsewhere.example/acme/api";
  for (
    const [make, address] of [
      [onGithub, `${other}/pull/7`],
      [onGithub, `${other}/pulls/7`],
      [onGitea, `${other}/pulls/7`],
      [onGitea, "https://github.com/acme/api/pull/7"],
      [() => onGithub("https://github.example"), "https://github.com/acme/api/pull/7"],
    ] as const
  ) {
    const at = place(make());
    // On Gitea the token of the job has that name.
    const called = await runAfter(at, ["--after", address, "x"], {}, { GITHUB_TOKEN });
    expect(called).toMatchObject({ code: 64, stderr: expect.stringContaining("there is no token for ") });
    expect([runsOf(at), at.sent]).toEqual([[], []]);
  }
});

test("run --after names a variable only where it is for the host of the address, and says when its value is no token", async () => {
  const address = "https://github.com/acme/api/pull/7";
  const [elsewhere, set] = ["run the command in a job on that server", "set GITHUB_TOKEN, or run the command"];
  const none = "there is no token for github.com";
  const wrong = "variable GITHUB_TOKEN does not contain a token for github.com";
  for (
    const [make, env, why, advice] of [
      [() => onGithub("https://github.example"), { GITHUB_TOKEN: "" }, none, elsewhere],
      [onGitea, { GITHUB_TOKEN: "" }, none, elsewhere],
      [onGithub, { ...LAPTOP, GITHUB_TOKEN: "$GITHUB_TOKEN" }, wrong, set],
    ] as const
  ) {
    const at = place(make());
    const called = await runAfter(at, ["--after", address, "x"], {}, env);
    expect(called).toMatchObject({ code: 64, stderr: expect.stringContaining(`${why}; ${advice}`) });
    expect([runsOf(at), at.sent]).toEqual([[], []]);
  }
});

test("run --after says what a pull request needs outside of a job: a token, or on a server of one's own a job there", async () => {
  const hosts = [
    ["https://github.com/acme/api/pull/7", "set GITHUB_TOKEN, or run the command in a job on that forge"],
    ["https://github.example/acme/api/pull/7", "run the command in a job on that server"],
    [`${ORIGIN}/acme/web/pulls/7`, "run the command in a job on that server"],
  ] as const;
  for (const [address, advice] of hosts) {
    const at = place(onGitea());
    const called = await runAfter(at, ["--after", address, "x"], {}, LAPTOP);
    expect(called).toMatchObject({ code: 64, stderr: expect.stringContaining(`; ${advice}`) });
  }
});
