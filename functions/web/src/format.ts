const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const number = new Intl.NumberFormat();

export const when = (seconds: number | null | undefined): string => (seconds ? dateTime.format(seconds * 1000) : "–");

export const count = (value: number): string => number.format(value);

export const now = (): number => Date.now() / 1000;

/** A length of time in at most two units: `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  return units
    .slice(first, first + 2)
    .map(([name, size], index) => [Math.floor(index === 0 ? whole / size : (whole % units[first]![1]) / size), name] as const)
    .filter(([amount]) => amount > 0)
    .map(([amount, name]) => `${amount} ${name}`)
    .join(" ");
}

export const ago = (seconds: number): string => `${duration(now() - seconds)} ago`;

export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(size, 1)) / 10));
  return `${(size / 1024 ** power).toFixed(power === 0 || size >= 10 * 1024 ** power ? 0 : 1)} ${units[power]}`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** The word of a state, with a space in place of an underscore. */
export const words = (state: string): string => state.replaceAll("_", " ");
