import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readTraceSettings } from "../../../lib/telemetry/settings.ts";

const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
const BASE = { [ENDPOINT]: "http://collector:4318" };

function read(env: Record<string, string>, hasFile = false) {
  return readTraceSettings((name) => new Map(Object.entries(env)).get(name), hasFile);
}

test("readTraceSettings() finds nothing when no variable and no file asks for traces", () => {
  expect(read({})).toBeUndefined();
  expect(read({ [ENDPOINT]: " " })).toBeUndefined();
  expect(read({ OTEL_SERVICE_NAME: "x" })).toBeUndefined();
  expect(read({ ...BASE, OTEL_TRACES_EXPORTER: "none" })).toBeUndefined();
  expect(read({ ...BASE, OTEL_SDK_DISABLED: "True" }, true)).toBeUndefined();
  expect(read({ ...BASE, OTEL_SDK_DISABLED: "1" })).toBeDefined();
  expect(read({ OTEL_TRACES_EXPORTER: "none" }, true)?.endpoint).toBeUndefined();
});

test("readTraceSettings() adds the path to the common address, and no path to the address for traces", () => {
  const url = (env: Record<string, string>) => read(env)?.endpoint?.url;
  expect(url(BASE)).toBe("http://collector:4318/v1/traces");
  expect(url({ [ENDPOINT]: "https://c/otlp/" })).toBe("https://c/otlp/v1/traces");
  expect(url({ [ENDPOINT]: "https://c/otlp?key=1" })).toBe("https://c/otlp/v1/traces?key=1");
  expect(url({ ...BASE, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://other/t" })).toBe("https://other/t");
});

test("readTraceSettings() reads headers, time and compression, those for traces before the common ones", () => {
  const { endpoint, warnings } = read({
    ...BASE,
    OTEL_EXPORTER_OTLP_HEADERS: "api-key=common",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "Authorization=Bearer%20a%2Cb , x-tenant = t=1",
    OTEL_EXPORTER_OTLP_TIMEOUT: "5000",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "700",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  }) ?? {};
  expect(endpoint).toEqual({
    url: "http://collector:4318/v1/traces",
    headers: { Authorization: "Bearer a,b", "x-tenant": "t=1" },
    timeoutMs: 700,
    gzip: true,
  });
  expect(warnings).toEqual([]);
});

test("readTraceSettings() warns once for each value that cannot be, without its text, and goes on", () => {
  const cases: [string, string, boolean][] = [
    [ENDPOINT, "collector:4317", false],
    [ENDPOINT, "http://user:secretpass@collector", false],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", false],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", true],
    ["OTEL_EXPORTER_OTLP_HEADERS", "secretkey", true],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%zz,b=1", true],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=x%0d%0ay", true],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "soon", true],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", true],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote", true],
    ["OTEL_RESOURCE_ATTRIBUTES", "a=1,b", true],
  ];
  for (const [name, value, sends] of cases) {
    const settings = read({ ...BASE, [name]: value });
    expect([name, settings?.warnings.length, settings?.endpoint !== undefined]).toEqual([name, 1, sends]);
    expect(settings?.warnings[0]).toStartWith(name);
    expect(settings?.warnings[0]).not.toContain("secret");
  }
});

test("readTraceSettings() knows every sampler of the specification", () => {
  const sampler = (name: string, arg?: string) =>
    read({ ...BASE, OTEL_TRACES_SAMPLER: name, ...(arg === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: arg }) })
      ?.sampler;
  expect(read(BASE)?.sampler).toEqual({ byParent: true, root: "on", share: 1 });
  expect(sampler("always_off")).toEqual({ byParent: false, root: "off", share: 1 });
  expect(sampler("traceidratio", "0.25")).toEqual({ byParent: false, root: "share", share: 0.25 });
  expect(sampler("parentbased_traceidratio", "2")).toEqual({ byParent: true, root: "share", share: 1 });
  expect(sampler("parentbased_always_off", "x")).toEqual({ byParent: true, root: "off", share: 1 });
});

test("readTraceSettings() takes OTEL_SERVICE_NAME before the attribute of the same meaning", () => {
  const env = { ...BASE, OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=web%20ui", OTEL_SERVICE_NAME: "b" };
  expect([...read(env)?.resource ?? []]).toEqual([["service.name", "b"], ["team", "web ui"]]);
});

test("readTraceSettings() uses the first 64 attributes and warns when there are more", () => {
  const pairs = Array.from({ length: 65 }, (_, index): [string, string] => [`a${index}`, "x"]);
  const settings = (count: number) =>
    read({ ...BASE, OTEL_RESOURCE_ATTRIBUTES: pairs.slice(0, count).map((pair) => pair.join("=")).join(",") });
  expect([[...settings(64)?.resource ?? []], settings(64)?.warnings]).toEqual([pairs.slice(0, 64), []]);
  expect([[...settings(65)?.resource ?? []], settings(65)?.warnings]).toEqual([
    pairs.slice(0, 64),
    ["OTEL_RESOURCE_ATTRIBUTES has more than 64 attributes: only the first 64 are used"],
  ]);
});

test("readTraceSettings() never throws when variables hold anything", () => {
  const names = [
    ENDPOINT,
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER_ARG",
  ];
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("http://c", "a=b", "=,=", "%", "a=%e0%a4%a"));
  fc.assert(fc.property(fc.dictionary(fc.constantFrom(...names), text), (env) => {
    const settings = read({ OTEL_TRACES_SAMPLER: "traceidratio", ...env }, true);
    for (const value of Object.values(settings?.endpoint?.headers ?? {})) expect(value).not.toMatch(/[\r\n]/);
  }));
});
