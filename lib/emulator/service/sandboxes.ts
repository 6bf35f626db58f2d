/**
 * The worker claims a sandbox when it accepts a run, and adds the row once the sandbox is running.
 *
 * @module
 */
import type { RunRow, SandboxRow } from "../state/store.ts";
import type { World } from "../state/world.ts";

/** A run that gets no claim fails later, when its sandbox should be running. */
export function claimSandbox(world: World, run: RunRow): void {
  if (run.sandbox_record_id !== null || isFull(world, run.user_id)) return;
  world.store.sandboxClaims.set(run.id, { userId: run.user_id, at: world.clock.stamp() });
}

function isFull(world: World, userId: string): boolean {
  const { sandboxLimit } = world;
  return sandboxLimit !== undefined && liveSandboxes(world, userId).length + claimsOf(world, userId) >= sandboxLimit;
}

/** A run can reuse only a sandbox with one of these statuses. Source: conformance. */
const LIVE: readonly string[] = ["creating", "installing", "running", "pausing"];

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

/** The row keeps its status when a sandbox is freed or expires, so the current status is computed. */
export function sandboxStatus(world: World, sandbox: SandboxRow): string {
  const { status, free_at, created_at } = sandbox;
  if (!LIVE.includes(status)) return status;
  const now = world.clock.wallMs() * 1_000;
  if (free_at !== null && free_at <= now) return "stopped";
  return now - created_at >= LIFETIME_MICROS && isBooted(world, sandbox) ? "stopped" : status;
}

function isBooted(world: World, sandbox: SandboxRow): boolean {
  return world.store.bootedSandboxes.get(sandbox.key) === sandbox;
}

/** How long a claim counts toward the limit, even if the boot fails. Source: API reference, "Other limits". */
const CLAIM_MICROS = 5 * 60_000_000;

function claimsOf({ store, clock }: World, userId: string): number {
  const since = clock.wallMs() * 1_000 - CLAIM_MICROS;
  return [...store.sandboxClaims.values()].filter((claim) => claim.userId === userId && claim.at > since).length;
}

export function bootSandbox(world: World, run: RunRow, sandboxId: string): SandboxRow | undefined {
  const isClaimed = world.store.sandboxClaims.delete(run.id);
  const sandbox = sandboxOf(world, run) ?? (isClaimed ? addSandbox(world, run) : undefined);
  if (sandbox === undefined) return undefined;
  if (sandbox.sandbox_id === "pending" || sandbox.sandbox_id === null) sandbox.sandbox_id = sandboxId;
  Object.assign(sandbox, { status: "running", last_active_at: world.clock.stamp() });
  holdSandbox(world, run, sandbox);
  return sandbox;
}

function sandboxOf({ store }: World, run: RunRow): SandboxRow | undefined {
  return store.sandboxes.get(run.sandbox_record_id ?? "") ?? store.bootedSandboxes.get(run.id);
}

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

export function holdSandbox({ store }: World, run: RunRow, sandbox: SandboxRow): void {
  const holders = store.sandboxHolders.get(sandbox.id) ?? new Set();
  store.sandboxHolders.set(sandbox.id, holders.add(run.id));
  store.currentSandboxes.add(sandbox);
  sandbox.free_at = null;
}

export function releaseSandbox(world: World, run: RunRow): void {
  const sandbox = sandboxOf(world, run);
  if (sandbox === undefined) return;
  const holders = world.store.sandboxHolders.get(sandbox.id);
  holders?.delete(run.id);
  if (world.revision.stopsSandboxes && run.create_branch) sandbox.status = "stopped";
  if ((holders?.size ?? 0) > 0 || !isBooted(world, sandbox)) return;
  // The clock has a resolution of one millisecond. Rounding down frees a sandbox without linger time in the same millisecond in which its run ends.
  sandbox.free_at = Math.floor(run.updated_at / 1_000) * 1_000 + world.sandboxLingerMs * 1_000;
}
