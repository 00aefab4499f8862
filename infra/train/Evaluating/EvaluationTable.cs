using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Batch.Train.Evaluating;

/// <summary>Writes measurements as a Markdown table or as JSON.</summary>
internal static class EvaluationTable
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Writes each row of a table when it is measured, since an evaluation takes minutes. JSON is written at the end.</summary>
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
                Console.WriteLine(Line(row));
        }
        if (isJson)
            Console.WriteLine(JsonSerializer.Serialize(all, s_json));
    }

    private static string Line(Evaluated row)
    {
        string interval = string.Create(CultureInfo.InvariantCulture, $"{row.Value:F3} | {row.Low:F3} to {row.High:F3}");
        return $"| {row.Model} | {row.Measure} | {row.Setting} | {interval} | {row.Trials} |";
    }
}
