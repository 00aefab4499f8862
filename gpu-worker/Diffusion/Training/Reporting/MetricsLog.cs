using System.Text.Json;
using System.Text.Json.Serialization;

namespace LLaDA.Diffusion.Training.Reporting;

/// <summary>One line of a run's log.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The loss of the step, in nats per token.</param>
/// <param name="GradNorm">Before clipping.</param>
/// <param name="NumTokens">Tokens seen since the run began, padding included.</param>
/// <param name="ValidationLoss">The bound on held-out text, in nats per token, where it was estimated after this step.</param>
/// <param name="ModelFlopsUtilization">MFU: the share of the matrix-product throughput that was measured when the run began, in the same type; null where not measured.</param>
public sealed record TrainingMetrics(int Step, double Loss, double GradNorm, double LearningRate, double TokensPerSecond, long NumTokens, double? ValidationLoss, [property: JsonPropertyName("peakShare")] double? ModelFlopsUtilization = null);

/// <summary>What a run tells of itself as it goes.</summary>
/// <param name="Checkpoint">The folder of the checkpoint that was made of the step, whole; null where only the step is told.</param>
public sealed record TrainingProgress(TrainingMetrics Metrics, string? Checkpoint);

/// <summary>The metrics of a run, a line of JSON a step, in <c>metrics.jsonl</c>. A resumed run takes back the lines of steps that it makes again.</summary>
public sealed class MetricsLog : IDisposable
{
    public const string FileName = "metrics.jsonl";

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private readonly StreamWriter _writer;

    /// <param name="step">Steps done so far.</param>
    public MetricsLog(string folder, int step)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName);
        string[] kept = [.. Read(folder).TakeWhile(metrics => metrics.Step <= step).Select(Line)];
        string temporary = path + ".partial";
        File.WriteAllLines(temporary, kept);
        File.Move(temporary, path, overwrite: true);
        _writer = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    /// <summary>The lines of a run, up to one that was cut short by the end of its process.</summary>
    public static IEnumerable<TrainingMetrics> Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        return File.Exists(path) ? File.ReadLines(path).Select(Parse).TakeWhile(metrics => metrics is not null).Select(metrics => metrics!) : [];
    }

    public void Write(TrainingMetrics metrics) => _writer.WriteLine(Line(metrics));

    public void Dispose() => _writer.Dispose();

    private static string Line(TrainingMetrics metrics) => JsonSerializer.Serialize(metrics, s_json);

    private static TrainingMetrics? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<TrainingMetrics>(line, s_json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
