export interface Parameter {
  name: string;
  label: string;
  help: string;
  kind: "number" | "choice";
  choices?: string[];
  step?: string;
  /** The least number; 0 unless named. */
  min?: number;
  /** The only kind of request that has it. */
  only?: Mode;
}

export type Mode = "infill" | "chat";

/** The parameters that a first try changes; the API has more. */
const parameters: Parameter[] = [
  {
    name: "steps",
    label: "Steps",
    kind: "number",
    step: "1",
    help: "Denoising steps; one a token if empty. Fewer steps commit more tokens at once.",
  },
  {
    name: "block_length",
    label: "Block length",
    kind: "number",
    step: "1",
    help: "Masks of a block; blocks are filled from left to right.",
  },
  {
    name: "temperature",
    label: "Temperature",
    kind: "number",
    step: "0.1",
    help: "0 takes the most probable token, more draws among them.",
  },
  {
    name: "threshold",
    label: "Threshold",
    kind: "number",
    step: "0.05",
    help: "Commits every prediction that is at least this probable: 0.9 is several times faster.",
  },
  {
    name: "remasking",
    label: "Remasking",
    kind: "choice",
    choices: ["low_confidence", "random", "revision"],
    help: "Which predictions a step keeps; revision takes unsure ones back.",
  },
  {
    name: "cache",
    label: "Cache",
    kind: "choice",
    choices: ["none", "prefix", "dual"],
    help: "Which keys and values are kept between steps: dual is the fastest.",
  },
  {
    name: "frequency_penalty",
    label: "Frequency penalty",
    kind: "number",
    step: "0.1",
    min: -2,
    help: "Above 0 keeps an answer from repeating its tokens, up to 2.",
  },
  {
    name: "n",
    label: "Answers",
    kind: "number",
    step: "1",
    min: 1,
    only: "chat",
    help: "Up to 16 answers to one message; at temperature 0 they are equal.",
  },
  { name: "seed", label: "Seed", kind: "number", step: "1", help: "The same request with the same seed has the same answer." },
];

/** The parameters of a kind of request. */
export const parametersOf = (mode: Mode) => parameters.filter(({ only }) => !only || only === mode);

/** The parameters that were filled in, as a request has them. */
export function chosen(values: Record<string, string>, mode: Mode): Record<string, string | number> {
  return Object.fromEntries(
    parametersOf(mode)
      .filter(({ name }) => values[name])
      .map(({ name, kind }) => [name, kind === "number" ? Number(values[name]) : values[name]!]),
  );
}
