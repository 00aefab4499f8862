using System.Text.Json;

namespace LLaDA.Diffusion.Training.Reporting;

/// <summary>
/// The metrics of a run, a line of JSON a step, in <c>metrics.jsonl</c>. A resumed run takes back the lines of steps that it makes again.
/// </summary>
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

    /// <summary>The lines of a run, up to one that was truncated by the end of its process.</summary>
    public static IEnumerable<TrainingMetrics> Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        return File.Exists(path)
            ? File.ReadLines(path).Select(Parse).TakeWhile(metrics => metrics is not null).Select(metrics => metrics!)
            : [];
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
