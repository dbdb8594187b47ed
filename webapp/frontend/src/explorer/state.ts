// What the address remembers beside the concept after `#`: a pinned image, a layout, a dose, an
// order. Every state of a page is a link that can be sent to someone.

/** What the address says of `name`, if anything. */
export function remembered(name: string): string | null {
  return new URLSearchParams(location.search).get(name);
}

/** Write it into the address, or take it out; the way back is only lengthened if asked. */
export function remember(name: string, value: string | null, push = false): void {
  const query = withValue(location.search, name, value);
  if (query === location.search) return;
  const address = location.pathname + query + location.hash;
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** A query string with one value changed; characters that are safe there stay readable. */
export function withValue(query: string, name: string, value: string | null): string {
  const values = new URLSearchParams(query);
  if (value === null) values.delete(name);
  else values.set(name, value);
  const text = values.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text && `?${text}`;
}
