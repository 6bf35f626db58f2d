/** Stands in the place of the client's cookies in a file that has to be small. */
export function serialize(): never {
  throw new Error("Cannot send a cookie: this client sends none");
}
