using System.Text.Encodings.Web;
using System.Text.Json;

namespace LLaDA.Batch.Train.BundledData.Dialogues;

internal sealed record Turn(string Question, string Answer);

/// <summary>Questions of a user with the assistant's answers.</summary>
/// <param name="Document">Source of the answers; decides whether the dialogue is held out.</param>
internal sealed record Dialogue(string Document, params IReadOnlyList<Turn> Turns)
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public bool IsHeldOut => TrainingTables.IsHeldOut(Document);

    /// <returns>A line of fine-tuning data, {"messages": [...]}.</returns>
    public string ToJson() =>
        Json(new { messages = Turns.SelectMany(turn => new[] { Message("user", turn.Question), Message("assistant", turn.Answer) }) });

    public static object Message(string role, string content) => new { role, content };

    /// <returns>One line, in which letters of all languages stay as they are.</returns>
    public static string Json(object line) => JsonSerializer.Serialize(line, s_json);
}
