// Where files pin version and checksum of `dist/mogplex.mjs`. Plain JavaScript for Node alone: the merge driver runs it on a fresh clone.

/**
 * The values of the pins.
 * @typedef {{ version: string, sha256: string }} Pins
 */

// NAME: "value", NAME=value, NAME = 'value', param("env.NAME", "value"), ${NAME:-value}, and `name: NAME` with `value: …` on the next line.
const BETWEEN = String.raw`["']?[ \t]*(?::[-=]|[:=,]|\r?\n[ \t]*value:)[ \t]*["']?`;
const VERSION_NUMBER = String.raw`\d+\.\d+\.\d+(?:[-+][\w.+-]*)?`;

/** @type {readonly { pattern: RegExp, pin: keyof Pins }[]} */
const PLACES = [
  { pattern: new RegExp(String.raw`(?<=\bMOGPLEX_CI_VERSION${BETWEEN})${VERSION_NUMBER}\b`, "g"), pin: "version" },
  { pattern: new RegExp(String.raw`(?<=\bMOGPLEX_CI_SHA256${BETWEEN})[0-9a-fA-F]{64}\b`, "g"), pin: "sha256" },
  { pattern: new RegExp(String.raw`(?<=@mogplex/ci@)${VERSION_NUMBER}\b`, "g"), pin: "version" },
];

/**
 * Writes the values of `pins` into every pin of `text`. A value that is missing in `pins` is left as it is in `text`.
 * @param {string} text
 * @param {Partial<Pins>} pins
 */
export function withPins(text, pins) {
  return PLACES.reduce((all, { pattern, pin }) => {
    const value = pins[pin];
    return value === undefined ? all : all.replace(pattern, value);
  }, text);
}

/**
 * Reads the pins of a text. Each value is the first one found: all pins of a file are the same after a build.
 * @param {string} text
 * @returns {Partial<Pins>}
 */
export function pinsIn(text) {
  /** @type {Partial<Pins>} */
  const found = {};
  for (const { pattern, pin } of PLACES) found[pin] ??= text.match(pattern)?.[0];
  return found;
}
