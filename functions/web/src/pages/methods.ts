/** A value that a method takes beside the common ones. */
export interface MethodField {
  name: string;
  label: string;
  help: string;
}

interface Method {
  /** What its lines are. */
  lines: string;
  fields?: MethodField[];
  /** The grader that the form begins with. */
  grader?: string;
}

/** How a file is learnt, in the order of the form. */
export const methods: Record<string, Method> = {
  supervised: { lines: "dialogues, or prompts and completions" },
  pretrain: { lines: "plain text" },
  dpo: {
    lines: "preferences",
    fields: [{ name: "beta", label: "Beta", help: "How strongly the margin of a pair counts: above 0, at most 100" }],
  },
  reinforcement: {
    lines: "questions, whose answers a grader judges",
    fields: [{ name: "group_size", label: "Group size", help: "Answers to each question: 2 to 64" }],
    grader: `{
  "type": "text_similarity",
  "name": "like the reference",
  "evaluation_metric": "fuzzy_match",
  "input": "{{ sample.output_text }}",
  "reference": "{{ item.reference }}"
}`,
  },
};

/** The form's values by their name, as they were typed. */
export type MethodValues = Record<string, string>;

/**
 * The `method` of a new job. What is empty is left to the service, and what is no number is sent as it is: the service says what it takes.
 * @throws Error when the grader is not JSON.
 */
export function methodOf(type: string, values: MethodValues, isAdapter: boolean): Record<string, unknown> {
  const { fields = [], grader } = methods[type]!;
  const chosen = fields.map(({ name }): [string, string] => [name, (values[name] ?? "").trim()]).filter(([, text]) => text !== "");
  const hyperparameters = {
    ...Object.fromEntries(chosen.map(([name, text]) => [name, Number.isFinite(Number(text)) ? Number(text) : text])),
    ...(isAdapter ? { lora: {} } : {}),
  };
  return {
    type,
    [type]: grader === undefined ? { hyperparameters } : { hyperparameters, grader: graderOf(values["grader"] ?? grader) },
  };
}

function graderOf(text: string): unknown {
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch (failure) {
    throw new Error(`method.reinforcement.grader is not valid JSON: ${(failure as Error).message}`);
  }
}
