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

/** An answer, whichever its endpoint. */
export interface Streamed {
  /** Of chat and completions. */
  text: string;
  trace: Trace | null;
  /** Of `/v1/infill`, whose whole answer is the last event. */
  infill: InfillAnswer | null;
}

type Chunk = Partial<Frame> & Partial<InfillAnswer> & {
  type?: string;
  choices?: { text?: string; delta?: { content?: string }; trace?: Trace }[];
  error?: { message: string };
  message?: string;
};

/** Asks for an answer as a stream: frames while it comes about, then the answer. */
export async function streamed(path: string, body: object, signal: AbortSignal, show: (frame: Frame) => void): Promise<Streamed> {
  const answer: Streamed = { text: "", trace: null, infill: null };
  for await (const chunk of events<Chunk>(path, { ...body, stream: true }, signal)) {
    if (chunk.error) throw new Error(chunk.error.message);
    if (chunk.type === "diffusion_frame") {
      show(chunk as Frame);
      continue;
    }
    if (chunk.spans) answer.infill = chunk as InfillAnswer;
    const choice = chunk.choices?.[0];
    answer.text += choice?.delta?.content ?? choice?.text ?? "";
    answer.trace = choice?.trace ?? answer.trace;
  }
  return answer;
}
