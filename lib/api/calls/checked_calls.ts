/**
 * The methods of a client that scripts get: they refuse names and types that they do not have before anything is sent.
 *
 * @module
 */
import type { CallOptions } from "../../retry/call_options.ts";
import type { ClientFacts } from "../connected_client.ts";
import { checkOptions, type Keys, type Kind } from "../contract/options.ts";
import type { MogplexClient } from "../mogplex_client.ts";

/** The methods of a client. */
export type Calls = Omit<MogplexClient, keyof ClientFacts>;

/** The keys of each argument that is an object; null for an id. */
type Arguments<A extends readonly unknown[]> = {
  readonly [I in keyof A]: A[I] extends string ? null : Keys<NonNullable<A[I]>>;
};

function argumentKeys(): { readonly [M in keyof Calls]: Arguments<Required<Parameters<Calls[M]>>> } {
  const call: Keys<CallOptions> = {
    signal: "object",
    deadline: "number",
    overrun: "boolean",
    maxAttempts: "number",
    attempt: "number",
    requestTimeoutMs: "number",
  };
  const key = { idempotencyKey: "any" } as const;
  const limit = { limit: "any" } as const;
  return {
    listRepos: [{ q: "any", id: "any", ...limit }, call],
    listSandboxes: [{ repoId: "any", status: "any", ...limit }, call],
    startRun: [
      {
        ...{ repoId: "any", prompt: "any", harness: "any", baseBranch: "any", workingBranch: "any" },
        ...{ createBranch: "any", rootDirectory: "any", mode: "any" },
      },
      key,
      call,
    ],
    checkStartAccess: [call],
    getRun: [null, call],
    getRunEvents: [null, limit, call],
    openRunEvents: [null, { lastEventId: "any", ...limit }, call],
    cancelRun: [null, call],
    listAutomations: [{ cursor: "any", ...limit }, call],
    getAutomation: [null, call],
    triggerAutomation: [null, { repoId: "any", input: "any" }, key, call],
    listAutomationRuns: [null, limit, call],
    getAutomationRun: [null, null, call],
    cancelAutomationRun: [null, null, call],
    rerunPrReview: [{ repoId: "any", prNumber: "any" }, call],
  };
}

/** Makes methods that check their arguments. Values whose kind is `any` are checked by the method itself. */
export function checkedCalls(calls: Calls): Calls {
  const checked = Object.entries(argumentKeys()).map(([name, keys]) => {
    const method = calls[name as keyof Calls] as (...given: unknown[]) => Promise<unknown>;
    // Async: a mistake rejects, as it does in the method.
    const call = async (...given: unknown[]) => {
      for (const [index, known] of (keys as readonly (Readonly<Record<string, Kind>> | null)[]).entries()) {
        const value = given[index];
        if (known === null || value === undefined) continue;
        checkOptions(`call '${name}'`, value, known, index === keys.length - 1 ? "options" : "requests");
      }
      return await method(...given);
    };
    return [name, call];
  });
  return Object.fromEntries(checked) as Calls;
}
