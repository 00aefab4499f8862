import type { Span } from "../api/wire";

/** A piece of an answer: text that was given, or the fill of a gap. */
export interface Piece {
  text: string;
  span?: Span;
}

const marks = /(\\*)\[MASK(?::\d+)?\]/g;

/** Splits a text at its gaps as the service does: an odd run of backslashes before a mark makes it text, and halves. */
export function givenTexts(text: string): string[] {
  const given = [""];
  let end = 0;
  for (const match of text.matchAll(marks)) {
    const slashes = match[1]!.length;
    given[given.length - 1] += text.slice(end, match.index) + "\\".repeat(Math.floor(slashes / 2));
    if (slashes % 2 === 1) given[given.length - 1] += match[0].slice(slashes);
    else given.push("");
    end = match.index + match[0].length;
  }
  given[given.length - 1] += text.slice(end);
  return given;
}

/** The answer in pieces, or as one piece where the given texts and the fills do not make it up. */
export function pieces(text: string, answer: string, spans: Span[]): Piece[] {
  const given = givenTexts(text);
  const made = given.flatMap((part, index) => [{ text: part }, ...(spans[index] ? [{ text: spans[index].text, span: spans[index] }] : [])]);
  return given.length === spans.length + 1 && made.map((piece) => piece.text).join("") === answer ? made : [{ text: answer }];
}
