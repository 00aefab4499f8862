/** A path with its query; values that are absent are left out. */
export function path(base: string, query: Record<string, string | number | null | undefined> = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length === 0 ? base : `${base}?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
