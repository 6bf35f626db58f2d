/**
 * Bytes as text. A wrong decoding is not repaired: U+FFFD in a task, or a NUL for every second byte, would be sent as it is.
 *
 * @module
 */

const UTF16 = "it is UTF-16: save it as UTF-8";

/** Whether every second byte of the beginning is NUL, as in UTF-16 of Latin text without a byte order mark. */
function looksLikeUtf16(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 256);
  return [0, 1].some((from) => head.length >= 4 && head.every((byte, index) => index % 2 !== from || byte === 0));
}

/**
 * Decodes UTF-8; a byte order mark is kept.
 *
 * @throws {Error} when it is something else; the message is a clause: `it is UTF-16: save it as UTF-8`.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first === 0xfe && second === 0xff) throw new Error(UTF16);
  if (bytes.includes(0)) throw new Error(looksLikeUtf16(bytes) ? UTF16 : "it contains NUL bytes, so it is not text");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error("it is not UTF-8: save it as UTF-8");
  }
}
