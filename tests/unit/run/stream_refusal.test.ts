import { expect, test } from "bun:test";
import { ApiError, ForbiddenError, NetworkError, NotFoundError, UnauthorizedError } from "../../../lib/errors.ts";
import { type StreamRefusal, streamRefusal } from "../../../lib/service/stream.ts";
import { limited, lost, refusal, unavailable } from "./fake_client.ts";

const CASES: [name: string, error: unknown, resumes: boolean, refusal: StreamRefusal][] = [
  ["an HTML 404", unavailable(404), false, "absent"],
  ["a 405", unavailable(405), true, "absent"],
  ["a 200 of another type", unavailable(200), false, "absent"],
  ["a 404 with the envelope", refusal(NotFoundError, "usage", 404), false, "lasting"],
  ["a 403", refusal(ForbiddenError, "forbidden", 403), false, "lasting"],
  ["a 401", new UnauthorizedError("no"), false, "unauthorized"],
  ["a 429", limited(), false, "busy"],
  ["a 503", unavailable(503, 1_000), false, "busy"],
  ["a 400 on an event", refusal(ApiError, "usage", 400), true, "forgotten"],
  ["a 400 without one", refusal(ApiError, "usage", 400), false, "broken"],
  ["a 500", unavailable(500, null, "INTERNAL_ERROR"), true, "broken"],
  ["a 502", unavailable(502), false, "broken"],
  ["a 501", unavailable(501), false, "broken"],
  ["a redirect", unavailable(308), false, "broken"],
  ["a broken network", lost(), false, "broken"],
  ["a timeout", new NetworkError("Cannot open: no complete answer"), true, "broken"],
];

test.each(CASES)("streamRefusal() classifies %s", (_, error, resumes, expected) => {
  expect(streamRefusal(error, resumes)).toBe(expected);
});
