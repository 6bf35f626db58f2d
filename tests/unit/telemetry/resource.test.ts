import { expect, test } from "bun:test";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import { resourceAttributes, SEMCONV } from "../../../lib/telemetry/otlp.ts";

test.each([
  ["https://0123456789abcdef@git.example.com/acme/web.git", "https://git.example.com/acme/web"],
  ["https://kim:a@b:c@git.example.com/acme/web.git", "https://git.example.com/acme/web"],
  ["https://git.example.com/acme/@scope.git", "https://git.example.com/acme/@scope"],
  ["git@git.example.com:acme/web.git", "git@git.example.com:acme/web"],
])("resourceAttributes() names the repository %s without what may be a token", (remote, shown) => {
  const variables = new Map([["BUILDKITE", "true"], ["BUILDKITE_REPO", remote]]);
  const env = (name: string) => variables.get(name);
  expect(resourceAttributes({ platform: detectPlatform(env), env }, new Map())[SEMCONV.repositoryUrl]).toBe(shown);
});
