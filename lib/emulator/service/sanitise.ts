/**
 * Sanitizes event payloads as the service does: when its event writer stores them, and again whenever they are read.
 *
 * Messages are never sanitized. `mog_` tokens are not recognized, so a client has to mask its own tokens.
 *
 * @module
 */

interface Bounds {
  maxString: number;
  maxItems: number;
  maxDepth: number;
}

// Source: API reference, "Sanitisation of payload": the limits at read time, and the wider limits at write time.
const READ_BOUNDS: Bounds = { maxString: 2_000, maxItems: 25, maxDepth: 3 };
const WRITE_BOUNDS: Bounds = { maxString: 40_000, maxItems: 50, maxDepth: 4 };
const MAX_PAYLOAD_JSON = 20_000;

const REDACTED = "[redacted]";
const CUT = "[truncated]";

const ENVIRONMENT_KEYS = new Set([
  "env",
  "environment",
  "envvars",
  "runtimeenv",
  "runtimeenvironment",
  "githubtoken",
  "ghtoken",
  "aibillingsource",
  "mogplexaibillingsource",
]);
const CREDENTIAL_KEY = /authorization|api[_-]?key|token|secret|password|cookie|credential|session|jwt/i;

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\bbearer\s+[A-Za-z0-9_+./=~-]+\b/gi, `Bearer ${REDACTED}`],
  [/(x-access-token:)[^@\s]+@/gi, `$1${REDACTED}@`],
  [/\bgh[oprsu]_[A-Za-z0-9_]+\b/g, REDACTED],
  [/\bgithub_pat_[A-Za-z0-9_]+\b/g, REDACTED],
  [/\bsk-[A-Za-z0-9_-]{8,}\b/g, REDACTED],
  [/\bsb_secret_[A-Za-z0-9_-]+\b/g, REDACTED],
];

function maskText(text: string): string {
  let masked = text;
  for (const [pattern, replacement] of SECRETS) masked = masked.replace(pattern, replacement);
  return masked;
}

function cleanNested(text: string, bounds: Bounds): string | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{") && !trimmed.startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(trimmed);
  } catch {
    return undefined;
  }
  return JSON.stringify(clean(parsed, bounds, 0));
}

function cleanText(text: string, bounds: Bounds): string {
  const masked = maskText(cleanNested(text, bounds) ?? text);
  const extra = masked.length - bounds.maxString;
  return extra > 0 ? `${masked.slice(0, bounds.maxString)}\n...[truncated ${extra} chars]` : masked;
}

function clean(value: unknown, bounds: Bounds, depth: number): unknown {
  if (typeof value === "string") return cleanText(value, bounds);
  if (value === null || typeof value !== "object") return value;
  if (depth >= bounds.maxDepth) return CUT;
  if (Array.isArray(value)) {
    return value.slice(0, bounds.maxItems).map((item) => clean(item, bounds, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).slice(0, bounds.maxItems).map(([key, nested]) => [
      key,
      CREDENTIAL_KEY.test(key) ? REDACTED : clean(nested, bounds, depth + 1),
    ]),
  );
}

function hideEnvironments(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(hideEnvironments);
  return Object.fromEntries(
    Object.entries(value).map(([key, nested]) => [
      key,
      ENVIRONMENT_KEYS.has(key.toLowerCase().replace(/[^a-z0-9]/g, "")) ? REDACTED : hideEnvironments(nested),
    ]),
  );
}

function asPayload(value: unknown): Record<string, unknown> {
  return value === null || typeof value !== "object" || Array.isArray(value) ? {} : value as Record<string, unknown>;
}

export function cleanForStorage(payload: unknown): Record<string, unknown> {
  return asPayload(clean(payload, WRITE_BOUNDS, 0));
}

export function cleanForReading(payload: unknown): Record<string, unknown> {
  const cleaned = asPayload(clean(hideEnvironments(payload), READ_BOUNDS, 0));
  const json = JSON.stringify(cleaned);
  return json.length <= MAX_PAYLOAD_JSON
    ? cleaned
    : { truncated: true, payloadPreview: json.slice(0, MAX_PAYLOAD_JSON) };
}
