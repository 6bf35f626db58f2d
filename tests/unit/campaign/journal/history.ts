/** Histories of campaigns for tests of properties. */
import fc from "fast-check";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { ended, intent, keyOf, serviceTime, started, uuidOf } from "./sample.ts";

/** What may happen next to an item whose last start is in a certain phase. */
type Phase = "idle" | "sent" | "at work" | "asks" | "unclear" | "refused";

/**
 * Histories as a campaign may write them, over `items` items, with everything in any order: starts that are sent again, replays, ends of
 * every kind, people who retry, skip, stop and approve.
 */
export function history(items: number, maxLength = 40): fc.Arbitrary<RecordBody[]> {
  const step = fc.record({ item: fc.nat(items - 1), choice: fc.nat(1000), flag: fc.boolean(), seconds: fc.nat(7200) });
  return fc.array(step, { maxLength }).map((steps) => {
    const phases = Array.from({ length: items }, () => ({ phase: "idle" as Phase, start: 0, isOpen: false, key: 0 }));
    let runs = 0;
    const bodies: RecordBody[] = [];
    for (const { item, choice, flag, seconds } of steps) {
      const id = `acme/r${item}@main`;
      const now = phases[item];
      if (now === undefined) continue;
      const at = serviceTime(seconds);
      const run = uuidOf(item * 1000 + now.start);
      const pick = <T>(values: readonly T[]): T => values[choice % values.length] as T;
      const others: RecordBody[] = [
        { type: "wave" },
        { type: "gate", gate: flag ? "canary" : "threshold", reason: "10 of 50 have failed" },
        { type: "approved", gate: flag ? "canary" : "threshold", by: "somebody", note: null },
        { type: "stopped", by: "somebody", cancel: flag },
        { type: "resumed", by: "somebody" },
        { type: "note", text: "a note" },
        { type: "pull-request", item: id, state: "open", url: `https://forge.example/${choice}` },
        { type: "skipped", items: [id], by: "somebody", reason: "on purpose" },
      ];
      if (choice % 5 === 0) {
        bodies.push(others[choice / 5 % others.length] as RecordBody);
        continue;
      }
      if (choice % 7 === 0) {
        bodies.push({ type: "retry", items: [id], by: "somebody", adopt: flag });
        // A start that may have arrived keeps its key: only that key finds its run.
        if (now.phase === "refused" && flag && !now.isOpen) now.key = 1000 + ++runs;
        continue;
      }
      switch (now.phase) {
        case "idle":
        case "refused":
          if (now.phase === "idle") {
            now.start++;
            now.isOpen = false;
          }
          bodies.push(intent(id, now.start, { key: keyOf(item * 1_000_000 + now.start * 1000 + now.key), sentAt: at }));
          now.phase = "sent";
          break;
        case "sent": {
          const kind = pick(["started", "again", "ended", "refused", "conflict"] as const);
          if (kind === "again") {
            now.isOpen = true;
            bodies.push(
              intent(id, now.start, { key: keyOf(item * 1_000_000 + now.start * 1000 + now.key), sentAt: at }),
            );
          } else if (kind === "started") {
            bodies.push(
              started(id, now.start, run, { replayed: flag, slotAt: at, status: flag ? "streaming" : "pending" }),
            );
            now.phase = "at work";
          } else if (kind === "ended") {
            bodies.push(
              ended(id, now.start, pick(["succeeded", "failed", "quota", "service"]), {
                ...{ runId: run, slot: true },
                ...(flag && { files: choice + 1 }),
              }),
            );
            now.phase = "idle";
            now.key = 0;
          } else if (kind === "conflict") {
            bodies.push(ended(id, now.start, "conflict", { slot: true, reason: "the key belongs to another request" }));
            now.phase = "idle";
            now.key = 0;
          } else {
            const as = pick(["quota", "service", "invalid"]);
            bodies.push(ended(id, now.start, as, { slot: flag, retryAt: as === "quota" ? at : null }));
            now.phase = "refused";
            if (as === "invalid") now.isOpen = false;
            else if (as === "service") now.isOpen ||= flag;
          }
          break;
        }
        case "at work":
        case "asks":
        case "unclear": {
          const ends = ["succeeded", "unchanged", "failed", "cancelled", "overdue", "quota", "service", "unknown"];
          const as = pick([...ends, "needs-input", "seen"]);
          if (as === "seen" && now.phase !== "unclear") {
            bodies.push({ type: "seen", item: id, start: now.start, status: "streaming", updatedAt: at });
            now.phase = "at work";
            break;
          }
          bodies.push(ended(id, now.start, as === "seen" ? "failed" : as, { runId: run, status: "x", updatedAt: at }));
          now.phase = as === "needs-input" ? "asks" : as === "unknown" ? "unclear" : "idle";
          if (now.phase === "idle") now.key = 0;
        }
      }
    }
    return bodies;
  });
}
