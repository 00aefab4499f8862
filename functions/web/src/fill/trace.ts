/** How a text came about, as `"trace": true` asks for it. Steps count from 1. */
export interface Trace {
  tokens: { token: string; step: number; confidence: number }[];
  /** Tokens that did not stay: `index` is that of their place among the tokens. */
  taken_back: { index: number; token: string; step: number; confidence: number; taken_back_at: number }[];
}

/** A piece of an answer: text that was given, or a text with its trace. */
export type Segment = string | Trace;

/** A place of the canvas: given text, a token, or (without a text) a mask. */
export interface Place {
  text: string | null;
  isGiven: boolean;
  confidence: number;
  isNew: boolean;
}

const stepsOf = (segment: Segment): number[] =>
  typeof segment === "string" ? [] : [...segment.tokens.map(({ step }) => step), ...segment.taken_back.map((taken) => taken.taken_back_at)];

export const lastStep = (segments: Segment[]): number => Math.max(0, ...segments.flatMap(stepsOf));

/** What stands on the canvas after a step. Step 0 is the canvas of masks. */
export function canvasAt(segments: Segment[], step: number): Place[] {
  return segments.flatMap((segment): Place[] =>
    typeof segment === "string"
      ? [{ text: segment, isGiven: true, confidence: 1, isNew: false }]
      : segment.tokens.map((token, index) => {
          const earlier = segment.taken_back.find((taken) => taken.index === index && taken.step <= step && step < taken.taken_back_at);
          const shown = token.step <= step ? token : earlier;
          return { text: shown?.token ?? null, isGiven: false, confidence: shown?.confidence ?? 0, isNew: shown?.step === step };
        }),
  );
}
