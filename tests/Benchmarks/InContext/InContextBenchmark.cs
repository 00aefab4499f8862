using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.InContext;

/// <summary>What a run is made of; docs/benchmarks/in-context.md holds the protocol and its values.</summary>
internal sealed record InContextSettings
{
    public int NumRows { get; init; } = 100_000;
    public int Width { get; init; } = 96;
    public int NumLayers { get; init; } = 3;
    public int BatchSize { get; init; } = 64;
    public double LearningRate { get; init; } = 1e-3;
    public int Steps { get; init; } = 6_000;
    public int NumQuestions { get; init; } = 1_000;
    public int Seed { get; init; } = 1;

    public LLaDAConfig Config(ContextTask task, bool isCausal) => new()
    {
        ModelWidth = Width,
        NumLayers = NumLayers,
        NumHeads = 4,
        NumKeyValueHeads = 4,
        FeedForwardWidth = 3 * Width,
        VocabularySize = task.VocabularySize,
        EmbeddingSize = task.VocabularySize,
        MaxSequenceLength = ContextTask.RowLength,
        RopeTheta = 10_000,
        TiesWeights = true,
        IsCausal = isCausal,
        MaskTokenId = ContextTask.Mask,
        EosTokenId = ContextTask.EndOfText,
        PadTokenId = ContextTask.EndOfText,
    };
}

/// <summary>Tasks that the context alone explains: a diffusion model and its twin on the same rows.</summary>
internal static class InContextBenchmark
{
    /// <param name="folder">Keeps all runs; an interrupted one resumes.</param>
    public static void Run(
        string folder, InContextSettings settings, IReadOnlyList<string> names, FileInfo? json, CancellationToken cancellation)
    {
        List<(string Task, string Model, int Shots, Proportion Right)> rows = [];
        ContextTask[] tasks = [new Recall(), new AffineMaps(settings.Seed)];
        foreach (var task in tasks.Where(task => names.Count == 0 || names.Contains(task.Name)))
        {
            var answers = new ContextAnswers(task, settings.NumQuestions, settings.Seed);
            void Add(string model, IEnumerable<(int Shots, Proportion Right)> table) =>
                rows.AddRange(table.Select(row => (task.Name, model, row.Shots, row.Right)));
            using (var model = Train(Path.Combine(folder, task.Name, "diffusion"), settings, task, isCausal: false, cancellation))
            {
                Add("diffusion", answers.Of(model, isFirst: false));
                Add("diffusion, asked first", answers.Of(model, isFirst: true));
            }
            using (var twin = Train(Path.Combine(folder, task.Name, "twin"), settings, task, isCausal: true, cancellation))
                Add("twin", answers.OfTwin(twin));
        }
        Console.WriteLine("| task | model | shown | right | n |\n| --- | --- | --- | --- | --- |");
        foreach (var (task, model, shots, right) in rows)
            Console.WriteLine($"| {task} | {model} | {shots} | {right} | {right.Trials} |");
        if (json is not null)
        {
            ResultFile.Write(json.FullName, rows.Select(row => new
            {
                row.Task, row.Model, row.Shots, Right = row.Right.ToString(), Questions = row.Right.Trials,
            }));
        }
    }

    private static MaskPredictor Train(
        string folder, InContextSettings settings, ContextTask task, bool isCausal, CancellationToken cancellation)
    {
        var model = new MaskPredictor(settings.Config(task, isCausal), CPU);
        model.Initialize(settings.Seed);
        var random = new Random(settings.Seed);
        var data = new TokenRows(
            [.. Enumerable.Range(0, settings.NumRows).Select(_ => ContextTask.Row(task.Trained(random)))], settings.Seed);
        var options = new TrainingOptions
        {
            BatchSize = settings.BatchSize,
            LearningRate = LearningRateSchedule.Cosine(
                settings.LearningRate, settings.LearningRate / 20, Math.Min(200, settings.Steps / 10), settings.Steps),
            WeightDecay = 0.01,
            StratifiesTimes = true,
            Seed = settings.Seed,
            CheckpointInterval = 500,
            ValidationInterval = settings.Steps,
        };
        new Trainer(new FullWeights(model), data, null, options, folder).Run(metrics =>
        {
            if (metrics.Step % 100 == 0)
                Console.WriteLine(
                    $"{task.Name} {Path.GetFileName(folder)} step {metrics.Step}  loss {metrics.Loss:F3}  "
                    + $"{metrics.TokensPerSecond:F0} tokens/s");
        }, cancellation);
        Checkpoint.Save(model, Path.Combine(folder, "model"));
        return model;
    }
}
