import type { Span } from "../api/wire";

/** A piece of an answer: text that was given, or the fill of a gap. */
export interface Piece {
  text: string;
  span?: Span;
}

const marks = /(\\*)\[MASK(?::\d+)?\]/g;

/** A text cut at its gaps: the texts between them as given, and the marks. An odd run of backslashes before a mark makes it text. */
export function cut(text: string): { given: string[]; gaps: string[] } {
  const given: string[] = [];
  const gaps: string[] = [];
  let end = 0;
  for (const match of text.matchAll(marks)) {
    const slashes = match[1]!.length;
    if (slashes % 2 === 1) continue;
    given.push(text.slice(end, match.index + slashes));
    gaps.push(match[0].slice(slashes));
    end = match.index + match[0].length;
  }
  return { given: [...given, text.slice(end)], gaps };
}

/** A space before a gap is a part of its fill. */
const before = (part: string, fill: Span | undefined): string =>
  fill?.text.startsWith(" ") && part.endsWith(" ") ? part.slice(0, -1) : part;

/** The answer in pieces, or as one piece where the given texts and the fills do not make it up. */
export function pieces(text: string, answer: string, spans: Span[]): Piece[] {
  const { given } = cut(text);
  const made = given.flatMap((part, index): Piece[] => {
    const span = spans[index];
    return span ? [{ text: before(part, span) }, { text: span.text, span }] : [{ text: part }];
  });
  return given.length === spans.length + 1 && made.map((piece) => piece.text).join("") === answer ? made : [{ text: answer }];
}
