/**
 * The sandboxes that runs boot: the worker claims one when it takes a run, its row exists once it is up, and the run holds it until it ends.
 *
 * @module
 */
import type { RunRow, SandboxRow } from "../state/store.ts";
import type { World } from "../state/world.ts";

/**
 * Begins the boot of a run. Unless it has taken over a sandbox at its start, it claims one.
 *
 * Called once for each run that needs a sandbox, when the worker takes it. Whether there is one for it is decided here, although a run
 * without one fails only when its sandbox should be up.
 */
export function claimSandbox(world: World, run: RunRow): void {
  if (run.sandbox_record_id !== null || isFull(world, run.user_id)) return;
  world.store.sandboxClaims.set(run.id, { userId: run.user_id, at: world.clock.stamp() });
}

/** Whether a user has as many active sandboxes as are permitted. */
function isFull(world: World, userId: string): boolean {
  const { sandboxLimit } = world;
  return sandboxLimit !== undefined && liveSandboxes(world, userId).length + claimsOf(world, userId) >= sandboxLimit;
}

/**
 * Statuses of an active sandbox. A new run takes over a sandbox in one of these, and none that is paused, stopped or broken.
 * Source: conformance.
 */
const LIVE: readonly string[] = ["creating", "installing", "running", "pausing"];

/** Active sandboxes of a user: those that count against the limit, and that a run can take over. */
export function liveSandboxes(world: World, userId: string): SandboxRow[] {
  const { currentSandboxes } = world.store;
  return [...currentSandboxes].filter((sandbox) => {
    const live = LIVE.includes(sandboxStatus(world, sandbox));
    if (!live && isBooted(world, sandbox)) currentSandboxes.delete(sandbox);
    return live && sandbox.userId === userId;
  });
}

// Source: API reference, "Times".
const LIFETIME_MICROS = 5 * 3_600_000_000;

/** Status of a sandbox at this moment. One that a run booted stops when it is freed, and at the end of its lifetime. */
export function sandboxStatus(world: World, sandbox: SandboxRow): string {
  const { status, free_at, created_at } = sandbox;
  if (!LIVE.includes(status)) return status;
  const now = world.clock.wallMs() * 1_000;
  if (free_at !== null && free_at <= now) return "stopped";
  return now - created_at >= LIFETIME_MICROS && isBooted(world, sandbox) ? "stopped" : status;
}

/** Whether a run booted a sandbox. All others are what the fixture and control actions say. */
function isBooted(world: World, sandbox: SandboxRow): boolean {
  return world.store.bootedSandboxes.get(sandbox.key) === sandbox;
}

/** How long a boot counts before its row exists, also one that fails. Source: API reference, "Other limits". */
const CLAIM_MICROS = 5 * 60_000_000;

/** Number of boots of a user that count although they have no sandbox yet. */
function claimsOf({ store, clock }: World, userId: string): number {
  const since = clock.wallMs() * 1_000 - CLAIM_MICROS;
  return [...store.sandboxClaims.values()].filter((claim) => claim.userId === userId && claim.at > since).length;
}

/**
 * Ends the boot of a run: its sandbox is `running`.
 *
 * @param sandboxId The provider's id of a new sandbox.
 * @returns Undefined if the run got no sandbox.
 */
export function bootSandbox(world: World, run: RunRow, sandboxId: string): SandboxRow | undefined {
  const isClaimed = world.store.sandboxClaims.delete(run.id);
  const sandbox = sandboxOf(world, run) ?? (isClaimed ? addSandbox(world, run) : undefined);
  if (sandbox === undefined) return undefined;
  if (sandbox.sandbox_id === "pending" || sandbox.sandbox_id === null) sandbox.sandbox_id = sandboxId;
  Object.assign(sandbox, { status: "running", last_active_at: world.clock.stamp() });
  holdSandbox(world, run, sandbox);
  return sandbox;
}

/** The sandbox of a run: the one that it took over at its start, or the one that it booted. */
function sandboxOf({ store }: World, run: RunRow): SandboxRow | undefined {
  return store.sandboxes.get(run.sandbox_record_id ?? "") ?? store.bootedSandboxes.get(run.id);
}

/** Makes the row of the sandbox that a run has claimed. */
function addSandbox(world: World, run: RunRow): SandboxRow {
  const now = world.clock.stamp();
  const sandbox: SandboxRow = {
    id: crypto.randomUUID(),
    key: run.id,
    userId: run.user_id,
    sandbox_id: "pending",
    repo_id: run.repo_id,
    status: "running",
    base_branch: run.base_branch,
    working_branch: run.working_branch,
    root_directory: run.root_directory,
    preview_url: null,
    created_at: now,
    last_active_at: now,
    error: null,
    install_log: null,
    dev_log: null,
    free_at: null,
  };
  world.store.addSandbox(sandbox);
  world.store.bootedSandboxes.set(run.id, sandbox);
  return sandbox;
}

/** Records that a run holds a sandbox. A sandbox may have several holders. */
export function holdSandbox({ store }: World, run: RunRow, sandbox: SandboxRow): void {
  const holders = store.sandboxHolders.get(sandbox.id) ?? new Set();
  store.sandboxHolders.set(sandbox.id, holders.add(run.id));
  store.currentSandboxes.add(sandbox);
  sandbox.free_at = null;
}

/**
 * Gives up the sandbox of a run that has ended. When no other run holds it, it stays active for `sandboxLingerMs`. Later revisions
 * stop the sandbox of a `createBranch` run at once.
 */
export function releaseSandbox(world: World, run: RunRow): void {
  const sandbox = sandboxOf(world, run);
  if (sandbox === undefined) return;
  const holders = world.store.sandboxHolders.get(sandbox.id);
  holders?.delete(run.id);
  if (world.revision.stopsSandboxes && run.create_branch) sandbox.status = "stopped";
  if ((holders?.size ?? 0) > 0 || !isBooted(world, sandbox)) return;
  // A whole millisecond, since the clock has no smaller part: the sandbox of a run that has just ended is free.
  sandbox.free_at = Math.floor(run.updated_at / 1_000) * 1_000 + world.sandboxLingerMs * 1_000;
}
