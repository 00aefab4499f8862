import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { InfillAnswer } from "../api/wire";
import { Fills } from "./Fills";
import { pieces } from "./gaps";
import { Replay } from "./Replay";
import type { Streamed, Written } from "./stream";
import type { Segment } from "./trace";

/** An answer, and how each of its texts came about. */
export function AnswerView({ text, streamed: { written, infill } }: { text: string; streamed: Streamed }) {
  return (
    <section aria-label="Answer" aria-live="polite">
      {infill ? (
        <FilledText text={text} answer={infill} />
      ) : (
        written.map((answer, index) => <WrittenText heading={written.length === 1 ? "Answer" : `Answer ${index + 1}`} answer={answer} />)
      )}
    </section>
  );
}

function FilledText({ text, answer }: { text: string; answer: InfillAnswer }) {
  const segments = useMemo(
    () =>
      answer.spans.some((span) => span.trace)
        ? pieces(text, answer.text, answer.spans).map((piece) => piece.span?.trace ?? piece.text)
        : null,
    [answer],
  );
  return (
    <Replayed heading="Answer" segments={segments}>
      <Fills text={text} answer={answer} />
    </Replayed>
  );
}

function WrittenText({ heading, answer: { text, trace } }: { heading: string; answer: Written }) {
  const segments = useMemo(() => (trace && trace.tokens.length > 0 ? [trace] : null), [trace]);
  return (
    <Replayed heading={heading} segments={segments}>
      <p class="text">{text || <span class="quiet">The model answered with no text.</span>}</p>
    </Replayed>
  );
}

/** @param segments null without a trace. */
function Replayed({ heading, segments, children }: { heading: string; segments: Segment[] | null; children: ComponentChildren }) {
  return (
    <>
      <h2>{heading}</h2>
      {children}
      {segments && (
        <>
          <h2>How it came about</h2>
          <Replay segments={segments} />
        </>
      )}
    </>
  );
}
