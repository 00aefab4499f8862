import type { InfillAnswer, Span } from "../api/wire";
import { percent } from "../format";
import { Table } from "../ui/Table";
import { pieces } from "./gaps";

/** How sure the model was, in a word that is also a colour. */
export const sureness = (confidence: number): "sure" | "fair" | "unsure" =>
  confidence >= 0.7 ? "sure" : confidence >= 0.3 ? "fair" : "unsure";

export function Legend() {
  return (
    <p class="legend">
      <mark class="sure">at least 70 %</mark> <mark class="fair">at least 30 %</mark> <mark class="unsure">below 30 %</mark> confidence
    </p>
  );
}

/** A filled text: the fills are coloured by confidence and listed below. */
export function Fills({ text, answer }: { text: string; answer: InfillAnswer }) {
  return (
    <>
      <p class="text">
        {pieces(text, answer.text, answer.spans).map(({ text: part, span }) =>
          span ? (
            <mark class={sureness(span.confidence)} title={`gap ${span.index + 1}: ${percent(span.confidence)}`}>
              {part}
            </mark>
          ) : (
            part
          ),
        )}
      </p>
      <Legend />
      <details>
        <summary>{answer.spans.length === 1 ? "1 gap" : `${answer.spans.length} gaps`}</summary>
        <Table
          caption="Gaps and their fills"
          rows={answer.spans}
          id={(span) => String(span.index)}
          columns={[
            { name: "Gap", cell: (span) => span.index + 1, isNumber: true },
            { name: "Fill", cell: (span) => <q>{span.text}</q> },
            { name: "Tokens", cell: (span) => span.tokens, isNumber: true },
            { name: "Confidence", cell: (span) => percent(span.confidence), isNumber: true },
            ...(answer.spans.some((span) => span.choices)
              ? [
                  {
                    name: "Chosen among",
                    cell: (span: Span) =>
                      span.choices?.map(({ text: choice, probability }) => `${choice} (${percent(probability)})`).join(", "),
                  },
                ]
              : []),
          ]}
        />
      </details>
    </>
  );
}
