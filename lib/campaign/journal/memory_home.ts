import type { Clock } from "../../clock.ts";
import { MogplexError } from "../../errors.ts";
import { beginChain, type Chain } from "./chain.ts";
import type { Home } from "./home.ts";
import { type LockChecks, lockText, parseLock } from "./lock.ts";
import type { JournalRecord } from "./record.ts";

/**
 * Creates a home in the memory of this process. The home exists as long as something refers to it. Pass the same home to every call that continues
 * the campaign, even after an error or with another client. When the process ends, the campaign is lost, but its runs continue.
 *
 * @example A test
 * ```ts
 * import { createMogplex } from "@mogplex/ci";
 * import { createCampaigns, memoryHome } from "@mogplex/ci/campaigns";
 * import { createEmulator } from "@mogplex/ci/testing";
 *
 * const service = createEmulator({ repos: ["acme/web", "acme/api"] });
 * const campaigns = createCampaigns(createMogplex(service.options));
 * const definition = { name: "fix", prompt: "Fix the flaky tests", repositories: ["acme/web", "acme/api"] };
 * const view = await campaigns.of(definition, { home: memoryHome() }).run();
 * if (view.counts.succeeded !== 2) throw new Error("not all of them succeeded");
 * ```
 */
export function memoryHome(): MemoryHome {
  return new MemoryStore();
}

export function isMemoryHome(value: unknown): value is MemoryHome {
  return value instanceof MemoryStore;
}

interface MemoryHomeOptions extends Omit<LockChecks, "path"> {
  clock: Clock;
  access: "read" | "write";
}

export function openMemoryHome(memory: MemoryHome, options: MemoryHomeOptions): Home {
  return MemoryStore.open(memory as MemoryStore, options);
}

const SHOWN_AS = "the home in memory";

/** A home in the memory of this process. Only `memoryHome()` creates such a home. */
export interface MemoryHome {
  /** Distinguishes this object from a home that is a string. */
  readonly kind: "memory";
}

class MemoryStore implements MemoryHome {
  readonly kind = "memory";
  #lock: Uint8Array | undefined;
  #chain: Chain | undefined;
  readonly #records: JournalRecord[] = [];
  readonly #sentAt: number[] = [];
  #isWritten = false;

  static open(memory: MemoryStore, { campaign, round, requestHash, clock, access }: MemoryHomeOptions): Home {
    let writes = access === "write";
    if (writes && memory.#isWritten) {
      const why = "another call in this process is working on the campaign";
      throw new MogplexError(
        { attempted: `write in ${SHOWN_AS}`, why, advice: "wait until it has ended" },
        "rateLimited",
      );
    }
    memory.#isWritten ||= writes;

    function mayWrite(): void {
      if (!writes) throw new Error("Cannot write: this home is open for reading, or closed");
    }

    return {
      // deno-lint-ignore require-await
      async readLock() {
        if (memory.#lock === undefined) return undefined;
        return parseLock(memory.#lock, { path: SHOWN_AS, campaign, round, requestHash });
      },
      // deno-lint-ignore require-await
      async writeLock(lock) {
        mayWrite();
        memory.#lock = new TextEncoder().encode(lockText(lock));
      },
      // deno-lint-ignore require-await
      async readJournal(onRecord) {
        for (const record of memory.#records) onRecord(record, `${SHOWN_AS}: record ${record.seq}`);
      },
      // deno-lint-ignore require-await
      async append(bodies) {
        mayWrite();
        const chain = memory.#chain ??= beginChain(campaign, round);
        const records = chain.make(bodies, new Date(clock.wallTime()).toISOString()).map(({ record }) => record);
        memory.#records.push(...records);
        return records;
      },
      flush: () => Promise.resolve(),
      isShared: false,
      checkUnmoved: () => Promise.resolve(),
      sentAt: memory.#sentAt,
      stops: () => [],
      dropStop() {},
      writer: () => Promise.resolve(!writes && memory.#isWritten ? "another call in this process" : null),
      // deno-lint-ignore require-await
      async close() {
        if (writes) memory.#isWritten = writes = false;
      },
    };
  }
}
