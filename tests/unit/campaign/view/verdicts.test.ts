import { expect, test } from "bun:test";
import type { StartVerdict } from "../../../../lib/campaign/view/verdicts.ts";
import { ended, foldJournal, intent, lockOf, recordsOf, started, uuidOf } from "../journal/sample.ts";

// Source: specification of campaigns, section 7.
const ROWS: Record<
  StartVerdict,
  { state: string; again: string; attempt: boolean; counts: [ended: number, failures: number] }
> = {
  "succeeded": { state: "succeeded", again: "succeeded", attempt: true, counts: [1, 0] },
  "unchanged": { state: "unchanged", again: "unchanged", attempt: true, counts: [1, 0] },
  "failed": { state: "failed", again: "waiting", attempt: true, counts: [1, 1] },
  "unknown": { state: "unknown", again: "unknown", attempt: true, counts: [0, 0] },
  "quota": { state: "quota", again: "quota", attempt: false, counts: [0, 0] },
  "service": { state: "service", again: "service", attempt: false, counts: [0, 0] },
  "cancelled": { state: "cancelled", again: "cancelled", attempt: true, counts: [1, 1] },
  "needs-input": { state: "needs-input", again: "needs-input", attempt: true, counts: [0, 0] },
  "overdue": { state: "overdue", again: "waiting", attempt: true, counts: [1, 1] },
  "conflict": { state: "conflict", again: "conflict", attempt: false, counts: [1, 1] },
  "invalid": { state: "invalid", again: "invalid", attempt: false, counts: [1, 1] },
};

for (const [as, row] of Object.entries(ROWS)) {
  test(`foldJournal() counts a start that ended ${as} as the table says`, async () => {
    const item = "acme/r0@main";
    const withRun = !["conflict", "invalid"].includes(as);
    const records = await recordsOf([
      intent(item, 1),
      ...(withRun ? [started(item, 1, uuidOf(1))] : []),
      ended(item, 1, as, { runId: withRun ? uuidOf(1) : null, reason: "why" }),
    ]);
    for (const attempts of [1, 2]) {
      const lock = lockOf(2);
      const memory = foldJournal({ ...lock, limits: { ...lock.limits, attempts } }, records);
      const state = attempts === 1 ? row.state : row.again;
      expect(memory.items.get(item)).toMatchObject({ state, attempts: Number(row.attempt), reason: "why" });
      const counts = state === "waiting" ? [0, 0] : row.counts;
      expect([memory.ended, memory.failures]).toEqual(counts);
    }
  });
}
