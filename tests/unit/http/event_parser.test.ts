import { expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { EventParser, type StreamMessage } from "../../../lib/http/event_parser.ts";
import { propertyRuns } from "../../property_runs.ts";

/** What a well-known parser makes of the same pieces. */
function reference(pieces: readonly string[]): StreamMessage[] {
  const messages: StreamMessage[] = [];
  const parser = createParser({ onEvent: ({ event, id, data }) => messages.push({ event, id, data }) });
  for (const piece of pieces) parser.feed(piece);
  return messages;
}

function parsed(pieces: readonly string[]): StreamMessage[] {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.feed(piece));
}

const words = [
  "data",
  "data: ",
  "data:",
  "event",
  "event: ",
  "id: ",
  "id",
  "retry: 5",
  ":",
  " ",
  "a",
  "\u00e9",
  "\u{1f600}",
  "\0",
];
const ends = ["\n", "\r\n", "\n\n", "\r\n\r\n"];
const texts = fc.array(fc.constantFrom(...words, ...ends, ...ends), { maxLength: 60 }).map((each) => each.join(""));

/** A text in pieces that end anywhere. */
const inPieces = fc.tuple(texts, fc.array(fc.nat(40), { maxLength: 12 })).map(([text, lengths]) => {
  const pieces: string[] = [];
  let rest = `${text}\n\n`;
  for (const length of lengths) {
    pieces.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return [...pieces, rest];
});

test("EventParser finds the messages that a well-known parser finds, wherever the pieces end", () => {
  fc.assert(fc.property(inPieces, (pieces) => expect(parsed(pieces)).toEqual(reference(pieces))), {
    numRuns: propertyRuns(2_000),
  });
});

test("EventParser finds the same messages whatever ends the lines", () => {
  const lines = [
    "event: a",
    "data: 1",
    "data: 2",
    "id: 7",
    "",
    ": comment",
    "data",
    "",
    "data:x",
    "",
    "event: none",
    "",
    "",
  ];
  const expected = [
    { event: "a", id: "7", data: "1\n2" },
    { event: undefined, id: undefined, data: "" },
    { event: undefined, id: undefined, data: "x" },
  ];
  for (const end of ["\n", "\r", "\r\n"]) {
    expect(parsed([lines.join(end)])).toEqual(expected);
    expect(parsed([...lines.join(end)])).toEqual(expected);
  }
});

test("EventParser counts the characters that it keeps, and forgets them with the message", () => {
  const parser = new EventParser();
  parser.feed("data: 12");
  expect(parser.size).toBe(8);
  parser.feed("34\nda");
  expect(parser.size).toBe("1234\n".length + 2);
  parser.feed("ta: 5\n\n");
  expect(parser.size).toBe(0);
  parser.feed(": a comment\nother: x\n");
  expect(parser.size).toBe(0);
});
