import { parametersOf, type Mode } from "./parameters";

export function ParameterFields({
  mode,
  values,
  change,
}: {
  mode: Mode;
  values: Record<string, string>;
  change: (values: Record<string, string>) => void;
}) {
  const set = (name: string, value: string) => change({ ...values, [name]: value });
  return (
    <details class="parameters">
      <summary>Parameters</summary>
      <div class="grid">
        {parametersOf(mode).map(({ name, label, help, kind, choices, step, min }) => (
          <p>
            <label for={name}>{label}</label>
            {kind === "choice" ? (
              <select
                id={name}
                aria-describedby={`${name}-help`}
                value={values[name] ?? ""}
                onChange={(event) => set(name, event.currentTarget.value)}
              >
                <option value="">default</option>
                {choices!.map((choice) => (
                  <option value={choice}>{choice}</option>
                ))}
              </select>
            ) : (
              <input
                id={name}
                aria-describedby={`${name}-help`}
                type="number"
                step={step}
                min={min ?? 0}
                placeholder="default"
                value={values[name] ?? ""}
                onInput={(event) => set(name, event.currentTarget.value)}
              />
            )}
            <small id={`${name}-help`}>{help}</small>
          </p>
        ))}
      </div>
    </details>
  );
}
