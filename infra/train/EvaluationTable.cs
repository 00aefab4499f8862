using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Batch.Train;

/// <summary>Writes what was measured as a Markdown table, or as JSON.</summary>
internal static class EvaluationTable
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>A table grows row by row, since an evaluation takes minutes; JSON comes whole.</summary>
    public static void Write(IEnumerable<Evaluated> rows, bool isJson, CancellationToken cancellation)
    {
        if (!isJson)
            Console.WriteLine("| model | measure | setting | value | 95 % interval | n |\n| --- | --- | --- | --- | --- | --- |");
        List<Evaluated> all = [];
        foreach (var row in rows)
        {
            cancellation.ThrowIfCancellationRequested();
            all.Add(row);
            if (!isJson)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Model} | {row.Measure} | {row.Setting} | {row.Value:F3} | {row.Low:F3} to {row.High:F3} | {row.Trials} |"));
        }
        if (isJson)
            Console.WriteLine(JsonSerializer.Serialize(all, s_json));
    }
}
