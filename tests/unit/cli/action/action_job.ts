/** A step with the action, in the world of the tests: an emulator, a virtual clock, and the files of the runner in memory. */
import { main, type Stage } from "../../../../lib/cli/action/main.ts";
import { parseGithubFile } from "../../hostile/parsers/file_parsers.ts";
import { type FakeIo, fakeIo, type FakeIoOptions } from "../fake_io.ts";
import { REPO, TOKEN, type World, world } from "../world.ts";

/** Inputs by name. */
export type Inputs = Readonly<Record<string, string>>;

/** Defaults that the runner evaluates, for a job without a matrix in an event without a pull request. */
const DEFAULTS: Inputs = { "follow": "true", "comment": "false", "job-status": "success", "matrix": "null" };
const FILES = {
  GITHUB_OUTPUT: "/runner/output",
  GITHUB_STATE: "/runner/state",
  GITHUB_STEP_SUMMARY: "/runner/summary",
};

/** What a stage did. */
export interface Ended {
  code: number;
  /** Everything that it printed. */
  log: string;
  /** What it wrote into the files of the runner. */
  outputs: Record<string, string>;
  state: Record<string, string>;
  summary: string;
  io: FakeIo;
}

/** Options of a step. */
export interface StepOptions extends FakeIoOptions {
  at?: World;
  /** Sends requests. @default the emulator */
  fetch?: (url: string, init: RequestInit) => Response | Promise<Response>;
  /** Gets the world before the program runs. */
  before?: (io: FakeIo) => void;
}

/** Environment of an input. */
export function inputVariables(inputs: Inputs): Record<string, string> {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));
}

/** Runs a stage. The inputs come on top of a token, a repository and a task. */
export async function step(inputs: Inputs, options: StepOptions = {}, stage: Stage = "main"): Promise<Ended> {
  const { at = world(), before, env, ...rest } = options;
  const ask = (url: string, init: RequestInit) => {
    at.requests.push(`${init.method ?? "GET"} ${new URL(url).pathname.replace("/api/v1/mogplex", "")}`);
    return at.emulator.fetch(url, init);
  };
  const { fetch = ask } = options;
  const given = { ...DEFAULTS, "token": TOKEN, "repo": REPO, "prompt": "Fix the flaky tests", ...inputs };
  const io = fakeIo({
    ...rest,
    env: {
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_API_URL: "https://api.github.example",
      GITHUB_REPOSITORY: "acme/web",
      GITHUB_RUN_ID: "7",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_JOB: "agent",
      GITHUB_WORKFLOW: "Weekly",
      GITHUB_WORKFLOW_REF: "acme/web/.github/workflows/weekly.yml@refs/heads/main",
      RUNNER_TEMP: "/runner/temp",
      ...FILES,
      ...inputVariables(given),
      ...env,
    },
  });
  before?.(io);
  const code = await main(stage, io, { clock: at.clock, fetch });
  const file = (name: keyof typeof FILES) => io.files.get(FILES[name]) ?? "";
  return {
    code,
    log: io.text.stdout + io.text.stderr,
    outputs: Object.fromEntries(parseGithubFile(file("GITHUB_OUTPUT"))),
    state: Object.fromEntries(parseGithubFile(file("GITHUB_STATE"))),
    summary: file("GITHUB_STEP_SUMMARY"),
    io,
  };
}

/** Runs the post step of a step, with its marks and files. */
export function postStep(main: Ended, inputs: Inputs, options: StepOptions = {}): Promise<Ended> {
  const marks = Object.entries(main.state).map(([name, value]) => [`STATE_${name}`, value]);
  const kept = [...main.io.files].filter(([path]) => !Object.values(FILES).includes(path));
  const env = { ...Object.fromEntries(marks), ...options.env };
  return step(inputs, { ...options, files: Object.fromEntries(kept), env }, "post");
}
