/**
 * The emulated revision of the service. The documentation describes the base. Each later behaviour is a switch, since a
 * deployed server may have any mixture of them.
 *
 * @module
 */

/** Switches for later behaviours. All are off in the base. */
export interface Revision {
  /** The events route returns the newest N instead of the first N. */
  tailWindow: boolean;
  /** A run that was cancelled while its sandbox booted stays cancelled. */
  keepsCancelled: boolean;
  /** Cancel goes on when the process cannot be killed. */
  ignoresKillFailures: boolean;
  /** An unknown `mode` is refused. */
  checksMode: boolean;
  /** The harness `mogplex` exists. */
  mogplexHarness: boolean;
  /** Runs have `worktreeId`, `agentId`, `mode` and `terminalCommitSha`; the first is part of the request hash. */
  extraRunFields: boolean;
  /** Tokens marked `automationsOnly` may not start runs, and may trigger automations with an API trigger only. */
  automationsOnly: boolean;
  /** Trigger keys are scoped to user and automation, compared, and replayed. */
  comparedTriggers: boolean;
  /** `GET /automations` has more than one page. In the base every page after the first is a 500. */
  pagesAutomations: boolean;
  /** `POST /pr-reviews/rerun` exists. */
  prReviews: boolean;
  /** `POST /automations/{id}/runs/{runId}/cancel` exists. */
  automationRunCancel: boolean;
  /** `GET /runs/{id}/events/stream` exists. */
  stream: boolean;
  /** Automations with an API trigger declare typed inputs; a trigger with others is refused. */
  typedInputs: boolean;
  /** All other automations drop inputs with reserved names. */
  dropsInputs: boolean;
  /** A replayed trigger has the reason `IDEMPOTENT_DUPLICATE` and no runtime. With `comparedTriggers` only. */
  replayReason: boolean;
  /** Metadata of an automation's run holds the input, its hash, the version's number, the trigger and the team. */
  triggerMetadata: boolean;
  /** An automation may name the repositories that it may be triggered for. */
  permittedRepos: boolean;
  /** Runs of an API trigger work on `mogplex/automation-<16 hex>` of user, automation and key. */
  automationBranch: boolean;
  /** `GET /runs/{id}` closes a run whose worker died. The events route does not. */
  repairsRuns: boolean;
  /** The harness `mogplex` writes events of its own. */
  nativeEvents: boolean;
  /** The sandbox of a `createBranch` run is stopped when the run ends. */
  stopsSandboxes: boolean;
  /** What a command prints on its standard output becomes events, as the text of an agent. */
  agentOutput: boolean;
}

const BASE_REVISION: Readonly<Revision> = {
  tailWindow: false,
  keepsCancelled: false,
  ignoresKillFailures: false,
  checksMode: false,
  mogplexHarness: false,
  extraRunFields: false,
  automationsOnly: false,
  comparedTriggers: false,
  pagesAutomations: false,
  prReviews: false,
  automationRunCancel: false,
  stream: false,
  typedInputs: false,
  dropsInputs: false,
  replayReason: false,
  triggerMetadata: false,
  permittedRepos: false,
  automationBranch: false,
  repairsRuns: false,
  nativeEvents: false,
  stopsSandboxes: false,
  agentOutput: false,
};

/** Names of the switches. */
export const SWITCHES = Object.keys(BASE_REVISION) as (keyof Revision)[];

/**
 * Makes a revision.
 *
 * @param name `base` turns every switch off, `later` turns every switch on.
 * @param switches Switches that differ from it.
 */
export function createRevision(name: "base" | "later" = "base", switches: Partial<Revision> = {}): Revision {
  const all = Object.fromEntries(SWITCHES.map((key) => [key, name === "later"])) as unknown as Revision;
  return { ...all, ...switches };
}
