/**
 * Who a caller of the emulator can be.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Emulator } from "./emulator.ts";

/** A user of the emulated service, as a caller needs it. */
export interface Account {
  /** Token with both scopes. */
  token: string;
  /** Token with the scope `read` alone; null when there is none. */
  readOnlyToken: string | null;
  /** Repositories of the user, also hidden ones. */
  repos: { id: string; full_name: string }[];
}

/**
 * Tokens and repositories of the first user with a token of both scopes.
 *
 * @throws {UsageError} when no user has such a token.
 */
export function account({ world }: Emulator): Account {
  const tokens = [...world.store.tokens.values()].filter((token) =>
    token.revokedAt === null && (token.expiresAt === null || token.expiresAt / 1_000 > world.clock.wallMs())
  );
  const full = tokens.find((token) => token.scopes.includes("read") && token.scopes.includes("write"));
  if (full === undefined) {
    throw new UsageError({
      attempted: "start emulator",
      why: "the fixture has no live token with both scopes",
      advice: 'add a token with the scopes "read" and "write"',
    });
  }
  const reading = tokens.find((token) => token.userId === full.userId && token.scopes.join() === "read");
  const repos = [...world.store.repos.values()].filter((repo) => repo.userId === full.userId);
  return {
    token: full.token,
    readOnlyToken: reading?.token ?? null,
    repos: repos.map(({ id, full_name }) => ({ id, full_name })),
  };
}
