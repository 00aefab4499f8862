import { events } from "../api/client";
import type { InfillAnswer } from "../api/wire";
import type { Trace } from "./trace";

/** The canvas between two steps, as the stream of an answer carries it. */
export interface Frame {
  block: number;
  step: number;
  masks_left: number;
  text: string;
}

/** A text that was written. */
export interface Written {
  text: string;
  trace: Trace | null;
}

/** An answer, whichever its endpoint. */
export interface Streamed {
  /** Of chat and completions, as many as were asked for. */
  written: Written[];
  /** Of `/v1/infill`, whose whole answer is the last event. */
  infill: InfillAnswer | null;
}

type Chunk = Partial<Frame> &
  Partial<InfillAnswer> & {
    type?: string;
    choices?: { index: number; text?: string; delta?: { content?: string }; trace?: Trace }[];
    error?: { message: string };
    message?: string;
  };

/**
 * Asks for an answer as a stream: frames while it comes about, then the answer.
 * @param show takes a frame and the index of the text that it belongs to.
 */
export async function streamed(
  path: string,
  body: object,
  signal: AbortSignal,
  show: (frame: Frame, index: number) => void,
): Promise<Streamed> {
  const answer: Streamed = { written: [], infill: null };
  for await (const chunk of events<Chunk>(path, { ...body, stream: true }, signal)) {
    if (chunk.error) throw new Error(chunk.error.message);
    const choice = chunk.choices?.[0];
    if (chunk.type === "diffusion_frame") {
      show(chunk as Frame, choice?.index ?? 0);
      continue;
    }
    if (chunk.spans) answer.infill = chunk as InfillAnswer;
    if (!choice) continue;
    const written = (answer.written[choice.index] ??= { text: "", trace: null });
    written.text += choice.delta?.content ?? choice.text ?? "";
    written.trace = choice.trace ?? written.trace;
  }
  return answer;
}
