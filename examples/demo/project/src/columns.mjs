/** Cuts or pads a text to exactly `width` characters. */
export function column(text, width) {
  return text.length > width ? text.substr(0, width - 1) + "…" : text.padEnd(width);
}

/** One line of an invoice: description, quantity, amount. */
export function line(description, quantity, cents) {
  const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
  return column(description, 24) + String(quantity).padStart(4) + amount.padStart(12);
}
