export const patterns = ["digits", "word", "sentence"];

/** What may fill a gap: anything, what a pattern permits, or one of given texts. */
export interface GapRule {
  /** Empty, the name of a pattern, or `choices`. */
  kind: string;
  /** Of `choices`, one a line. */
  texts: string;
}

export const anything: GapRule = { kind: "", texts: "" };

/** The rules of the gaps as a request has them. Those behind the last gap are left out. */
export function ruled(rules: Record<number, GapRule>, numGaps: number): Record<string, object> {
  const kept = Object.entries(rules).filter(([gap]) => Number(gap) < numGaps);
  const pattern = kept.filter(([, { kind }]) => patterns.includes(kind)).map(([gap, { kind }]) => [gap, kind]);
  const choices = kept
    .filter(([, { kind }]) => kind === "choices")
    .map(([gap, { texts }]) => [gap, texts.split("\n").filter((text) => text.trim())]);
  return {
    ...(pattern.length > 0 && { pattern: Object.fromEntries(pattern) }),
    ...(choices.length > 0 && { choices: Object.fromEntries(choices) }),
  };
}
