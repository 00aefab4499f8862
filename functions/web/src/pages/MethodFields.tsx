import { methods, type MethodValues } from "./methods";

/** What the method of a new job takes beside its file. */
export function MethodFields({ method, values, change }: { method: string; values: MethodValues; change: (values: MethodValues) => void }) {
  const { fields = [], grader } = methods[method]!;
  return (
    <div class="parameters">
      {fields.map(({ name, label, help }) => (
        <p>
          <label>
            {label}{" "}
            <input
              inputMode="decimal"
              placeholder="auto"
              aria-describedby={`${name}-help`}
              value={values[name] ?? ""}
              onInput={(event) => change({ ...values, [name]: event.currentTarget.value })}
            />
          </label>
          <small id={`${name}-help`}>{help}</small>
        </p>
      ))}
      {grader !== undefined && (
        <p>
          <label>
            Grader{" "}
            <textarea
              rows={7}
              spellcheck={false}
              aria-describedby="grader-help"
              value={values["grader"] ?? grader}
              onInput={(event) => change({ ...values, grader: event.currentTarget.value })}
            />
          </label>
          <small id="grader-help">
            JSON that says what an answer is worth, such as how much it is like the value <code>reference</code> of its line
          </small>
        </p>
      )}
    </div>
  );
}
