import { expect, test } from "bun:test";
import { AUTOMATION } from "../verbs/automation_texts.ts";
import { GITHUB_TOKEN, githubProject } from "../verbs/github_project.ts";
import { world } from "../world.ts";
import { postStep, step } from "./action_job.ts";

const NO_TASK = { prompt: "", automation: AUTOMATION };
const RUN = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";
const triggers = (requests: readonly string[]) => requests.filter((each) => each.endsWith("/trigger")).length;

test("a step with automation triggers it with its input, follows its run, and ends with its verdict", async () => {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    const at = world(scenario);
    let body = "";
    const fetch = (url: string, init: RequestInit) => {
      if (url.endsWith("/trigger")) body = String(init.body);
      at.requests.push(`${init.method} ${new URL(url).pathname}`);
      return at.emulator.fetch(url, init);
    };
    const inputs = { ...NO_TASK, "automation-input": "ref=refs/tags/v1=2\n\n  count:=3\r\n" };
    const main = await step(inputs, { at, fetch });
    expect(main).toMatchObject({
      code,
      outputs: { exit_code: String(code), replayed: "false" },
      state: { ended: `${code}` },
    });
    expect(main.outputs.run_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(main.summary).toMatch(code === 0 ? /^## ✅ `acme\/api` → success \(/m : /^## ❌ `acme\/api` → failed \(/m);
    expect(main.summary).toContain(
      `| Automation | \`${AUTOMATION}\` |\n| Automation run | \`${main.outputs.run_id}\` |`,
    );
    expect(JSON.parse(body)).toMatchObject({ input: { ref: "refs/tags/v1=2", count: 3 } });
    expect(triggers(at.requests)).toBe(1);
    const post = await postStep(main, inputs, { at });
    expect(post.code).toBe(0);
    expect(post.log).toStartWith("nothing to clean up");
  }
});

test("a step with automation attaches on a re-run, and says how to go on in words of inputs", async () => {
  const at = world("automation-slot");
  for (
    const [scope, words] of [["", "run this job again"], [
      "job",
      "set the input idempotency-key of this step to ",
    ]] as const
  ) {
    const inputs = { ...NO_TASK, "timeout": "10", "key-scope": scope };
    const first = await step(inputs, { at });
    expect(first.code).toBe(124);
    expect(first.log).toContain(`\nresume        ${words}`);
    expect(first.log).not.toMatch(/--idempotency-key|mogplex-ci /);
    const again = await step(inputs, { at, env: { GITHUB_RUN_ATTEMPT: "2" } });
    expect(again.outputs.replayed).toBe(String(scope === ""));
  }
});

test("a step that cancels its run at the deadline says which input to raise", async () => {
  const at = world("stuck-streaming");
  const { code, log, summary } = await step({ "timeout": "30", "on-timeout": "cancel" }, { at });
  expect(code).toBe(124);
  expect(log).toMatch(/^::warning .*the run was cancelled\. To wait longer, raise the input timeout$/m);
  expect(summary).toContain("`To wait longer, raise the input timeout`");
});

test("a step refuses inputs that contradict each other before it asks anything, and shows no value", async () => {
  const cases: [inputs: Record<string, string>, words: string][] = [
    [{ "run-id": RUN }, "Cannot use input run-id: it cannot be combined with input prompt"],
    [
      { "run-id": RUN, "prompt": "", "prompt-file": "task.md" },
      "Cannot use input run-id: it cannot be combined with input prompt-file",
    ],
    [
      { "run-id": RUN, "prompt": "", "idempotency-key": "k" },
      "Cannot use input run-id: it cannot be combined with input idempotency-key",
    ],
    [
      { "run-id": RUN, "prompt": "", "automation": AUTOMATION },
      "Cannot use input run-id: it cannot be combined with input automation",
    ],
    [{ "run-id": RUN, "prompt": "", "follow": "false" }, "Cannot use input run-id: the step follows the run, but"],
    [{ "run-id": "7", "prompt": "" }, "Cannot use run id because it must be a UUID"],
    [{ ...NO_TASK, harness: "codex" }, "Cannot use input automation: it cannot be combined with input harness"],
    [{ ...NO_TASK, follow: "false" }, "Cannot use input automation: the step follows the run, but"],
    [{ ...NO_TASK, automation: "seven" }, "Cannot use automation id because it must be a UUID"],
    [{ ...NO_TASK, repo: "" }, "Cannot trigger automation: the repository is missing; give input repo or"],
    [{ "automation-input": "a=s3cret-value" }, "Cannot use input automation-input: input automation is empty"],
    [
      { ...NO_TASK, "automation-input": "a=1\ns3cret-value" },
      "Cannot use input automation-input: line 2 must have the form",
    ],
    [
      { ...NO_TASK, "automation-input": "a:=s3cret-value" },
      'Cannot use --input because the text after ":=" is not JSON: "a"',
    ],
  ];
  for (const [inputs, words] of cases) {
    const at = world();
    const { code, log } = await step(inputs, { at });
    expect([words, code, at.requests]).toEqual([words, 2, []]);
    const [why, advice] = words.split("; ");
    expect(log.replace(/^(?:error: |reason {8})/m, "\n")).toContain(`\n${why}`);
    if (advice !== undefined) expect(log.toLowerCase()).toContain(advice);
    expect(log).toMatch(/^::error title=/m);
    expect(log).not.toContain("s3cret-value");
  }
});

test("a step works on the branch of a pull request that input after names, with a task or with input fix", async () => {
  const cases = [
    [{ after: "7", prompt: "also the docs" }, "also the docs"],
    [{ after: "https://github.com/acme/api/pull/7", prompt: "also the docs" }, "also the docs"],
    [
      { after: "7", prompt: "", fix: "conflict" },
      "This branch's pull request conflicts with its base branch main.",
    ],
  ] as const;
  for (const [inputs, prompt] of cases) {
    const at = world();
    const github = githubProject(() => new Date(at.clock.wallTime()).toISOString());
    github.threads.set(7, { ...github.threads.get(7), mergeable: "CONFLICTING" });
    const fetch = (url: string, init: RequestInit) =>
      url.startsWith(github.api) ? github.fetch(url, init) : at.emulator.fetch(url, init);
    const place = {
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_API_URL: github.api,
      GITHUB_REPOSITORY: "acme/api",
    };
    const { code, log } = await step({ ...inputs, "github-token": GITHUB_TOKEN }, {
      at,
      fetch,
      env: place,
    });
    expect([code, log]).toEqual([0, expect.stringContaining("branch feature (base main)")]);
    expect([...at.emulator.world.store.runs.values()]).toMatchObject([
      { prompt: expect.stringContaining(prompt), working_branch: "feature", create_branch: false },
    ]);
  }
});

test("a step sends the token of input github-token to no other server than that of the job", async () => {
  for (const host of ["github.example", "github.com:8443", "github.com.evil.example"]) {
    const at = world();
    const { code, log } = await step(
      { "prompt": "x", "after": `https://${host}/acme/api/pull/7`, "github-token": GITHUB_TOKEN },
      {
        at,
        fetch: (url, init) => {
          expect(`${url} ${[...new Headers(init.headers).values()]}`).not.toContain(GITHUB_TOKEN);
          return at.emulator.fetch(url, init);
        },
        env: { GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/api" },
      },
    );
    expect([code, log]).toEqual([64, expect.stringContaining(`there is no token for ${host}`)]);
  }
});
