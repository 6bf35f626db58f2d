import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Timeline } from "../../../../lib/emulator/state/timeline.ts";

test("Timeline.take() gives what is due in the order of time, and of arrival at the same time", () => {
  const operation = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ take: fc.integer({ min: 0, max: 20 }) }),
  );
  fc.assert(fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
    const timeline = new Timeline<number>();
    const model: { at: number; item: number }[] = [];
    for (const [item, each] of operations.entries()) {
      if ("add" in each) {
        timeline.add(each.add, item);
        model.push({ at: each.add, item });
        model.sort((a, b) => a.at - b.at);
      } else {
        const first = model[0];
        const due = first !== undefined && first.at <= each.take ? model.shift() : undefined;
        const taken = timeline.take(each.take);
        expect(taken && { at: taken.at, item: taken.item }).toEqual(due);
      }
    }
  }));
});

test("Timeline.clear() forgets every entry", () => {
  const timeline = new Timeline<string>();
  timeline.add(1, "a");
  timeline.clear();
  expect(timeline.take(2)).toBeUndefined();
});
