import { events } from "../api/client";

/** The canvas between two steps, as the stream of an answer carries it. */
export interface Frame {
  block: number;
  step: number;
  masks_left: number;
  text: string;
}

interface Chunk {
  choices?: { text?: string; delta?: { content?: string; type?: string } & Partial<Frame> }[];
  error?: { message: string };
}

/** Asks for an answer as a stream: frames while it is made, and the text as it settles. */
export async function streamed(path: string, body: object, signal: AbortSignal, show: (frame: Frame | null, text: string) => void): Promise<string> {
  let text = "";
  for await (const chunk of events<Chunk>(path, { ...body, stream: true }, signal)) {
    if (chunk.error) throw new Error(chunk.error.message);
    const choice = chunk.choices?.[0];
    if (choice?.delta?.type === "diffusion_frame") {
      show(choice.delta as Frame, text);
    } else {
      text += choice?.delta?.content ?? choice?.text ?? "";
      show(null, text);
    }
  }
  return text;
}
