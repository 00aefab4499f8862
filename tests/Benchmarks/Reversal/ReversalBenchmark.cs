using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Reversal;

/// <summary>What a run of the benchmark is made of; docs/benchmarks/reversal.md holds the protocol and its values.</summary>
internal sealed record ReversalSettings
{
    public int NumFacts { get; init; } = 2_000;
    public int NumTaught { get; init; } = 1_000;
    public int Width { get; init; } = 160;
    public int NumLayers { get; init; } = 4;
    public int BatchSize { get; init; } = 128;
    public double LearningRate { get; init; } = 1e-3;
    public int Steps { get; init; } = 15_000;
    public int TwinSteps { get; init; } = 2_000;
    public int Seed { get; init; } = 1;

    public LLaDAConfig Config(bool isCausal) => new()
    {
        ModelWidth = Width,
        NumLayers = NumLayers,
        NumHeads = 4,
        NumKeyValueHeads = 4,
        FeedForwardWidth = 3 * Width,
        VocabularySize = People.VocabularySize,
        EmbeddingSize = People.VocabularySize,
        MaxSequenceLength = People.RowLength,
        RopeTheta = 10_000,
        TiesWeights = true,
        IsCausal = isCausal,
        MaskTokenId = People.Mask,
        EosTokenId = People.EndOfText,
        PadTokenId = People.EndOfText,
    };
}

/// <summary>Facts told in one order, asked in both: a diffusion model and its autoregressive twin on the same sentences.</summary>
internal static class ReversalBenchmark
{
    /// <param name="folder">Holds both runs; one that was interrupted goes on.</param>
    public static void Run(string folder, ReversalSettings settings, bool withDiffusion, bool withTwin, CancellationToken cancellation)
    {
        var people = new People(settings.NumFacts, settings.NumTaught, settings.Seed);
        Console.WriteLine(
            $"{settings.NumFacts} facts, {settings.NumTaught} others in both orders, {settings.Config(false).NumParameters:N0} "
            + $"parameters, {people.Rows.Length} sentences; {settings}");
        List<(string Model, string Asked, string Decoding, Proportion Right)> table = [];
        if (withDiffusion)
        {
            using var model = Train(Path.Combine(folder, "diffusion"), settings, isCausal: false, settings.Steps, people, cancellation);
            table.AddRange(new DiffusionAnswers(model).Table(people).Select(row => ("diffusion", row.Asked, row.Decoding, row.Right)));
        }
        if (withTwin)
        {
            using var model = Train(Path.Combine(folder, "twin"), settings, isCausal: true, settings.TwinSteps, people, cancellation);
            table.AddRange(new TwinAnswers(model, settings.Seed).Table(people).Select(row => ("twin", row.Asked, row.Decoding, row.Right)));
        }
        Console.WriteLine("| model | asked | decoding | exact match | n |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var (name, asked, decoding, right) in table)
            Console.WriteLine($"| {name} | {asked} | {decoding} | {right} | {right.Trials} |");
    }

    private static MaskPredictor Train(
        string folder, ReversalSettings settings, bool isCausal, int numSteps, People people, CancellationToken cancellation)
    {
        var model = new MaskPredictor(settings.Config(isCausal), CPU, ScalarType.Float32, ScalarType.BFloat16);
        model.Initialize(settings.Seed);
        var data = new TokenRows(people.Rows, settings.Seed);
        var options = new TrainingOptions
        {
            BatchSize = settings.BatchSize,
            LearningRate = LearningRateSchedule.Cosine(
                settings.LearningRate, settings.LearningRate / 20, Math.Min(200, numSteps / 10), numSteps),
            WeightDecay = 0.01,
            StratifiesTimes = true,
            Seed = settings.Seed,
            CheckpointInterval = 500,
            ValidationInterval = numSteps,
        };
        new Trainer(new FullWeights(model), data, null, options, folder).Run(metrics =>
        {
            if (metrics.Step % 100 == 0)
                Console.WriteLine(
                    $"{Path.GetFileName(folder)} step {metrics.Step}  loss {metrics.Loss:F3}  {metrics.TokensPerSecond:F0} tokens/s  "
                    + $"{(double)metrics.Step * options.BatchSize / data.NumRows:F0} passes");
        }, cancellation);
        Checkpoint.Save(model, Path.Combine(folder, "model"));
        return model;
    }
}
