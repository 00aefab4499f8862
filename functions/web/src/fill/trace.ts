/** How an answer came about, as `"trace": true` asks for it. */
export interface Trace {
  steps: number;
  tokens: TraceToken[];
}

export interface TraceToken {
  text: string;
  /** The step, from 1 on, in which the token was committed for good. */
  step: number;
  confidence: number;
  /** Earlier choices for this place that revision took back. */
  revised?: { text: string; step: number; revised_at: number; confidence: number }[];
}

/** A place of the canvas after a step: a mask, or a token with its confidence. */
export interface Place {
  text: string | null;
  confidence: number;
  isNew: boolean;
}

/** What stands on the canvas after a step. Step 0 is the canvas of masks. */
export function canvasAt(trace: Trace, step: number): Place[] {
  return trace.tokens.map((token) => {
    if (token.step <= step) return { text: token.text, confidence: token.confidence, isNew: token.step === step };
    const earlier = token.revised?.find((choice) => choice.step <= step && step < choice.revised_at);
    return earlier
      ? { text: earlier.text, confidence: earlier.confidence, isNew: earlier.step === step }
      : { text: null, confidence: 0, isNew: false };
  });
}
