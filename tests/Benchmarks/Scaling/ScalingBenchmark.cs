using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>A row of the table.</summary>
/// <param name="Flops">Of training: 6 for each weight of a block and token, and 6 for each weight of the head and predicted token; attention itself and the optimizer are not counted.</param>
/// <param name="Loss">On held-out text, in nats a token: a bound for the diffusion model, exact for the twin.</param>
internal sealed record Scaled(string Model, long Parameters, int Steps, long Tokens, double Flops, double Loss);

/// <summary>Loss against training FLOPs, for a diffusion model and its autoregressive twin of the same sizes and the same recipe, each trained for the same time.</summary>
/// <param name="folder">Holds the runs; those that are done are read, one that was interrupted goes on.</param>
internal sealed class ScalingBenchmark(string folder, LLaDATokenizer tokenizer, int[] training, int[] heldOut, double minutes, int seed, Device device)
{
    private const int BatchSize = 16, SequenceLength = 128, TimedSteps = 12, UntimedSteps = 3;

    private static readonly (int Width, int Layers)[] s_sizes = [(32, 2), (64, 3), (128, 4), (192, 5)];

    public void Run(CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        List<Scaled> table = [];
        foreach (bool isCausal in new[] { false, true })
        {
            foreach (var (width, layers) in s_sizes)
                table.Add(Train(width, layers, isCausal, cancellation));
        }
        var laws = table.GroupBy(row => row.Model).ToDictionary(rows => rows.Key, rows => PowerLaw.Fit([.. rows.Select(row => (row.Flops, row.Loss))]));
        Console.WriteLine("| model | parameters | steps | tokens | training FLOPs | held-out nats/token | fitted |\n| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var row in table)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Model} | {row.Parameters / 1e6:F2} M | {row.Steps} | {row.Tokens / 1e6:F2} M | {row.Flops:E2} | {row.Loss:F3} | {laws[row.Model].At(row.Flops):F3} |"));
        foreach (var (name, law) in laws)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: loss = {law.Factor:G4} * FLOPs^{law.Exponent:F4}"));
        Draw(table, laws);
    }

    private Scaled Train(int width, int layers, bool isCausal, CancellationToken cancellation)
    {
        string name = isCausal ? "twin" : "diffusion", run = Path.Combine(folder, $"{name}-{width}x{layers}"), result = Path.Combine(run, "scaled.json");
        if (File.Exists(result))
            return JsonSerializer.Deserialize<Scaled>(File.ReadAllText(result))!;
        Directory.CreateDirectory(run);
        var config = Config(width, layers, isCausal);
        int steps = Steps(config, run);
        using var model = new MaskPredictor(config, device, ScalarType.Float32, ScalarType.BFloat16);
        model.Initialize(seed);
        var options = Options(steps);
        new Trainer(new FullWeights(model), Sequences(training), Sequences(heldOut), options, run).Run(metrics =>
        {
            if (metrics.Step % 50 == 0)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {width}x{layers} step {metrics.Step} of {steps}  loss {metrics.Loss:F3}  {metrics.TokensPerSecond:F0} tokens/s"));
        }, cancellation);

        var last = MetricsLog.Read(run).Last();
        double predicted = isCausal ? (SequenceLength - 1.0) / SequenceLength : (1 + ForwardProcess.Epsilon) / 2;
        double flops = 6.0 * last.NumTokens * (config.NumNonEmbeddingParameters + (predicted * config.EmbeddingSize * config.ModelWidth));
        var scaled = new Scaled(name, config.NumParameters, steps, last.NumTokens, flops, last.ValidationLoss!.Value);
        string partial = result + ".partial";
        File.WriteAllText(partial, JsonSerializer.Serialize(scaled));
        File.Move(partial, result, overwrite: true);
        return scaled;
    }

    /// <summary>As many as the minutes hold, by the median time of a few steps on a copy; written down, so that a run that goes on ends where it would have.</summary>
    private int Steps(LLaDAConfig config, string run)
    {
        string plan = Path.Combine(run, "steps.txt");
        if (File.Exists(plan))
            return int.Parse(File.ReadAllText(plan), CultureInfo.InvariantCulture);
        string trial = Directory.CreateDirectory(Path.Combine(run, "trial")).FullName;
        List<double> seconds = [];
        using (var model = new MaskPredictor(config, device, ScalarType.Float32, ScalarType.BFloat16))
        {
            model.Initialize(seed);
            long started = Stopwatch.GetTimestamp();
            new Trainer(new FullWeights(model), Sequences(training), null, Options(UntimedSteps + TimedSteps), trial).Run(_ =>
            {
                seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                started = Stopwatch.GetTimestamp();
            });
        }
        Directory.Delete(trial, recursive: true);
        double[] timed = [.. seconds.Skip(UntimedSteps).Order()];
        int steps = Math.Max(20, (int)(60 * minutes / timed[timed.Length / 2]));
        File.WriteAllText(plan, steps.ToString(CultureInfo.InvariantCulture));
        return steps;
    }

    private TokenSequences Sequences(int[] tokens) => new(tokens, SequenceLength, seed);

    private TrainingOptions Options(int steps) => new()
    {
        BatchSize = BatchSize,
        LearningRate = LearningRateSchedule.Cosine(2e-3, 1e-4, Math.Min(100, steps / 10), steps),
        StratifiesTimes = true,
        RandomLengthRatio = 0.01,
        Seed = seed,
        CheckpointInterval = 500,
        ValidationInterval = steps,
    };

    private LLaDAConfig Config(int width, int layers, bool isCausal) => new()
    {
        ModelWidth = width,
        NumLayers = layers,
        NumHeads = width / 32,
        NumKeyValueHeads = width / 32,
        FeedForwardWidth = 3 * width,
        VocabularySize = tokenizer.NumTokens,
        EmbeddingSize = tokenizer.NumTokens,
        MaxSequenceLength = SequenceLength,
        RopeTheta = 10_000,
        TiesWeights = true,
        IsCausal = isCausal,
        MaskTokenId = tokenizer.MaskId!.Value,
        EosTokenId = tokenizer.EndOfTextId,
        PadTokenId = tokenizer.EndOfTextId,
    };

    private void Draw(List<Scaled> table, Dictionary<string, PowerLaw> laws)
    {
        var colors = new Dictionary<string, string>(StringComparer.Ordinal) { ["diffusion"] = "#1f6feb", ["twin"] = "#d9480f" };
        static Curve Curve(string name, string color, IEnumerable<(double Flops, double Loss)> points) => new(name, color, [.. points.Select(point => (Math.Log10(point.Flops), Math.Log10(point.Loss)))]);
        Curve[] curves = [.. table.GroupBy(row => row.Model).SelectMany(rows => new[]
        {
            Curve(rows.Key, colors[rows.Key], rows.Select(row => (row.Flops, row.Loss)).OrderBy(point => point.Flops)),
            Curve($"{rows.Key}, fitted", colors[rows.Key], new[] { rows.Min(row => row.Flops), rows.Max(row => row.Flops) }.Select(flops => (flops, laws[rows.Key].At(flops)))),
        })];
        var svg = new StringBuilder($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{LineChart.Width}\" height=\"{LineChart.Height}\" font-family=\"sans-serif\" font-size=\"11\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        new LineChart("log10 of held-out nats a token, by log10 of training FLOPs", curves).AppendTo(svg, 0);
        File.WriteAllText(Path.Combine(folder, "scaling.svg"), svg.Append("</svg>\n").ToString());
    }
}
