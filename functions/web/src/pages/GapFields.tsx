import { anything, patterns, type GapRule } from "../fill/rules";

const mostShown = 20;

/** What may fill each gap of the text. */
export function GapFields({
  gaps,
  rules,
  change,
}: {
  gaps: string[];
  rules: Record<number, GapRule>;
  change: (rules: Record<number, GapRule>) => void;
}) {
  return (
    <details class="parameters">
      <summary>Gaps</summary>
      <p class="quiet" id="gaps-help">
        The model writes anything, digits, one word, or text without a line break. Or the most probable of your own texts fills the gap,
        which is then written <code>[MASK]</code>.
        {gaps.length > mostShown && ` The first ${mostShown} of ${gaps.length} gaps are listed; the API has this for all of them.`}
      </p>
      <div class="grid">
        {gaps.slice(0, mostShown).map((gap, index) => (
          <GapField
            key={index}
            gap={gap}
            number={index + 1}
            rule={rules[index] ?? anything}
            change={(rule) => change({ ...rules, [index]: rule })}
          />
        ))}
      </div>
    </details>
  );
}

function GapField({ gap, number, rule, change }: { gap: string; number: number; rule: GapRule; change: (rule: GapRule) => void }) {
  const id = `gap-${number}`;
  return (
    <div>
      <label for={id}>
        Gap {number}, <code>{gap}</code>
      </label>
      <select
        id={id}
        aria-describedby="gaps-help"
        value={rule.kind}
        onChange={(event) => change({ ...rule, kind: event.currentTarget.value })}
      >
        <option value="">anything</option>
        {patterns.map((pattern) => (
          <option value={pattern}>{pattern}</option>
        ))}
        <option value="choices" disabled={gap !== "[MASK]"}>
          one of my texts
        </option>
      </select>
      {rule.kind === "choices" && (
        <>
          <label for={`${id}-texts`}>Texts for gap {number}, one a line</label>
          <textarea
            id={`${id}-texts`}
            rows={3}
            value={rule.texts}
            onInput={(event) => change({ ...rule, texts: event.currentTarget.value })}
          />
        </>
      )}
    </div>
  );
}
