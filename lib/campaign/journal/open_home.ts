import { type Clock, systemClock } from "../../clock.ts";
import { UsageError } from "../../errors.ts";
import { hasEnded } from "../../files/processes.ts";
import { openGit } from "../../git/git.ts";
import { checkRemote, GitBranch, maskAddress } from "../../git/remote.ts";
import { branchNameProblem } from "../../service/validate.ts";
import { plainText } from "../../text/plain_text.ts";
import { createRedactor } from "../../text/redact.ts";
import { type DirHomeOptions, openDirHome } from "./dir_home.ts";
import { openGitHome } from "./git_home.ts";
import type { Home } from "./home.ts";
import { type MemoryHome, openMemoryHome } from "./memory_home.ts";
import { parseWriter, writerText } from "./writer.ts";

export type HomeAddress = { kind: "dir" } | { kind: "git"; remote: string; branch: string } | {
  kind: "memory";
  home: MemoryHome;
};

const FORMS = "dir, git:ADDRESS#BRANCH, or git:origin#BRANCH in a CI job or a clone";

function refused(text: string, why: string, advice: string): UsageError {
  return new UsageError({
    attempted: "use the home of a campaign",
    why,
    value: JSON.stringify(maskAddress(text)),
    advice,
  });
}

/**
 * @param origin Address that replaces `origin` in `git:origin`: the repository of the CI job, or of the user's clone. In a job, the origin of the
 * checkout is not used, because an earlier step may have changed it, and credentials would be sent to the changed address.
 */
export function parseHome(text: string, origin: string | undefined): HomeAddress {
  if (text === "dir") return { kind: "dir" };
  if (!text.startsWith("git:")) throw refused(text, "the kind of home is unknown", `use ${FORMS}`);
  const at = text.lastIndexOf("#");
  const [address, branch] = at < 0 ? [text.slice(4), ""] : [text.slice(4, at), text.slice(at + 1)];
  if (branch === "") throw refused(text, "it contains no branch", `use ${FORMS}`);
  const problem = branchNameProblem(branch);
  if (problem !== undefined) throw refused(text, `the branch cannot be used: ${problem}`, `use ${FORMS}`);
  if (address !== "origin") return { kind: "git", remote: checkRemote(address), branch };
  if (origin === undefined) {
    throw refused(
      text,
      "this is neither a CI job with a known repository nor a clone with a remote named origin",
      "use --home git:ADDRESS#BRANCH, or set MOGPLEX_CAMPAIGN_HOME",
    );
  }
  return { kind: "git", remote: checkRemote(origin), branch };
}

interface HomeOptions extends DirHomeOptions {
  env: (name: string) => string | undefined;
  signal?: AbortSignal | undefined;
  onShared?: (() => void) | undefined;
}

export async function openHome(address: HomeAddress, directory: string, options: HomeOptions): Promise<Home> {
  if (address.kind === "memory") return openMemoryHome(address.home, options);
  if (address.kind === "dir") return await openDirHome(directory, options);
  const owner = {
    text: writerText({ token: "0".repeat(32), since: new Date().toISOString(), ...options.processes.own() }),
    hasEnded(text: string) {
      const facts = parseWriter(text);
      return facts !== null && hasEnded(facts, options.processes) === true;
    },
  };
  // Git always uses this machine's time, even if the campaign has another clock.
  const clock: Clock = { ...systemClock, during: (work) => options.clock.during?.(work) ?? work };
  const git = await openGit({ ...options, remote: address.remote, clock, owner });
  const redact = createRedactor({ env: options.env });
  const branch = new GitBranch(git, address.remote, address.branch, {
    clock: options.clock,
    random: Math.random,
    signal: options.signal,
    redact: (text) => redact(plainText(text)),
  });
  return await openGitHome({ ...options, branch, directory: `${git.folder}/campaign`, release: () => git.close() });
}
