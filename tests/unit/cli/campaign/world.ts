/** The campaign verbs on an emulator and a virtual clock: lock and journal are on the disk, everything else in memory. */
import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../../../lib/cli/main.ts";
import { campaignFile, type CampaignWorld, campaignWorld, type CampaignWorldOptions } from "../../campaign/world.ts";
import type { GithubForge } from "../../forge/github_forge.ts";
import type { GitlabServer } from "../../report/gitlab_server.ts";
import { type FakeIo, fakeIo, type FakeIoOptions } from "../fake_io.ts";

/** What one call of the command did. The campaign's directory is shown as `DIR`. */
export interface Called {
  code: number;
  stdout: string;
  stderr: string;
  io: FakeIo;
}

/** Options of one call. */
export interface CallOptions extends FakeIoOptions {
  /** Gets the world before the command runs. */
  before?: (io: FakeIo) => void;
}

export interface CliWorld extends Pick<CampaignWorld, "clock" | "emulator" | "requests" | "runs" | "setRun"> {
  directory: string;
  /** Token that the commands get. */
  token: string;
  /** Files that commands find and have written, by path. */
  files: Map<string, string>;
  /** Writes the campaign file again. */
  write(more?: Record<string, unknown>): void;
  /** Called before each request; what it returns takes the place of the answer. */
  before: CampaignWorld["before"];
  /** The GitLab that takes notes on merge requests; undefined for none. */
  gitlab: GitlabServer | undefined;
  /** The GitHub that holds the pull requests; undefined for none. */
  forge: GithubForge | undefined;
  /** Runs `campaign VERB campaign.yml --dir DIR` with further arguments. */
  campaign(verb: string, args?: string[], options?: CallOptions): Promise<Called>;
  /** Runs any command line. */
  cli(args: string[], options?: CallOptions): Promise<Called>;
  /** A file of the directory that a command has written there. */
  report(name: string): string;
}

/** Path of the campaign file. */
export const FILE = "campaign.yml";

export function cliWorld(options: CampaignWorldOptions = {}): CliWorld {
  const inner = campaignWorld(options);
  const { clock, emulator, requests } = inner;
  const directory = join(realpathSync(mkdtempSync(join(tmpdir(), "mogplex-verbs-"))), "d");
  const files = new Map([[FILE, campaignFile(options.file)]]);

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    if (world.gitlab !== undefined && url.startsWith(world.gitlab.api)) return await world.gitlab.fetch(url, init);
    const { host, pathname, search } = new URL(url);
    if (world.forge !== undefined && host === "api.github.com") return await world.forge.fetch(url, init);
    const request = `${init.method ?? "GET"} ${pathname.replace("/api/v1/mogplex", "")}${search}`;
    requests.push(request);
    return await world.before?.(request) ?? await emulator.fetch(url, init);
  }

  const world: CliWorld = {
    clock,
    emulator,
    requests,
    runs: inner.runs,
    setRun: inner.setRun,
    directory,
    token: inner.token,
    files,
    before: undefined,
    gitlab: undefined,
    forge: undefined,
    write: (more = {}) => void files.set(FILE, campaignFile(more)),
    campaign: (verb, args = [], given = {}) => world.cli(["campaign", verb, FILE, "--dir", directory, ...args], given),
    async cli(args, { before, ...given } = {}) {
      const env = { MOGPLEX_API_KEY: world.token, USER: "kim", ...given.env };
      const io = fakeIo({ ...given, env, files: { ...Object.fromEntries(files), ...given.files } });
      before?.(io);
      const code = await main(args, io, { fetch: fetch as typeof globalThis.fetch, clock });
      for (const [path, text] of io.files) files.set(path, text);
      const shown = (text: string) => text.replaceAll(directory, "DIR");
      return { code, stdout: shown(io.text.stdout), stderr: shown(io.text.stderr), io };
    },
    report: (name) => files.get(`${directory}/${name}`) ?? "",
  };
  return world;
}
