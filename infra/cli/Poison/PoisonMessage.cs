using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Poison;

/// <summary>A message that a queue gave up.</summary>
/// <param name="Queue">The work queue that it came from.</param>
/// <param name="Job">Id of the job that it names; null when it names none.</param>
/// <param name="State">Status of the job, or <c>gone</c>; null without a job.</param>
/// <param name="IsNeeded">Whether the job still needs it; null without a job.</param>
/// <param name="Text">The body, whatever it is.</param>
internal sealed record PoisonMessage(
    string PoisonQueue,
    string Queue,
    string Id,
    DateTimeOffset? InsertedAt,
    string? Tenant,
    string? Job,
    string? State,
    bool? IsNeeded,
    string Text)
{
    private const int MaxShown = 200;

    /// <summary>The body on one line: control characters escaped, and the end of a long one cut off.</summary>
    public string Line
    {
        get
        {
            var line = new StringBuilder();
            foreach (var rune in Text.EnumerateRunes())
            {
                if (line.Length >= MaxShown)
                    return line.Append("...").ToString();
                if (Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029)
                    line.Append($"\\u{rune.Value:x4}");
                else
                    line.Append(rune);
            }
            return line.ToString();
        }
    }
}

/// <summary>The row keys that a message names, in the format of all work queues.</summary>
/// <param name="Batch">Row key of a batch.</param>
/// <param name="Job">Row key of a fine-tuning job.</param>
internal sealed partial record MessageKeys(string? Tenant, string? Batch, string? Job)
{
    /// <returns>Null where the text is not a message of this service.</returns>
    public static MessageKeys? Parse(string text)
    {
        try
        {
            var keys = JsonSerializer.Deserialize<MessageKeys>(text, WireJson.Options);
            return keys is not null && IsKey(keys.Tenant) && IsKey(keys.Batch) && IsKey(keys.Job) ? keys : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Storage refuses a query for other characters, which would hide the messages behind this one.</summary>
    private static bool IsKey(string? text) => text is null || KeyPattern().IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,100}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeyPattern();
}
