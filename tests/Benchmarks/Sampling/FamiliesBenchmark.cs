using System.Diagnostics;
using System.Globalization;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>Generation by a family's model, by its official loop and by the sampler.</summary>
/// <param name="Official">Tokens a second of the official loop, one row at a time.</param>
/// <param name="Batch1">Tokens a second of the sampler, one row at a time.</param>
/// <param name="Gain1">Over the official loop.</param>
/// <param name="Gain8">Over the official loop, eight rows at a time.</param>
/// <param name="Official8">Tokens a second of the official loop with eight rows at a time; null where it takes one.</param>
/// <param name="GainOver8">Of eight rows over it.</param>
/// <param name="OfficialForwards">Passes of a row.</param>
/// <param name="OfficialTokenForwards">Tokens that passed for a row.</param>
/// <param name="Agreement">Share of the rows with the official loop's tokens.</param>
internal sealed record FamilyRow(
    string Family, double Official, double Batch1, double Gain1, double Batch8, double Gain8, double? Official8, double? GainOver8,
    double OfficialForwards, double Forwards, double OfficialTokenForwards, double TokenForwards, double Agreement);

/// <summary>Lines with a common beginning, run by the engine with and without shared prefixes.</summary>
/// <param name="Seconds">Of all lines.</param>
/// <param name="Forwards">Passes of the engine.</param>
/// <param name="TokenForwards">Of all lines.</param>
/// <param name="Reused">Tokens that lines took over.</param>
internal sealed record PrefixRow(string Family, string Prefix, double Seconds, int Forwards, long TokenForwards, long Reused);

internal sealed record FamiliesResult(IReadOnlyList<FamilyRow> Generation, IReadOnlyList<PrefixRow> Prefix);

/// <summary>A tiny model of each family against its official loop written plainly, on the same libtorch, in one run.</summary>
internal static class FamiliesBenchmark
{
    private const int PromptLength = 70, GenLength = 64, BlockLength = 32, NumRows = 8;
    private const int NumLines = 100, CommonLength = 256, OwnLength = 14, LineGenLength = 16, MaxTokens = 2048;
    private const int NumTurns = 2;

    public static async Task RunAsync(FileInfo? json)
    {
        List<FamilyRow> generation = [];
        List<PrefixRow> prefixes = [];
        foreach (var family in FamilyModels.Families)
        {
            using var model = FamilyModels.Create(family);
            generation.Add(Generate(model));
            Console.WriteLine(generation[^1]);
            if (!family.IsBlockCausal)
                continue;
            foreach (long bytes in new[] { 0L, 1L << 28 })
            {
                prefixes.Add(await ShareAsync(model, bytes));
                Console.WriteLine(prefixes[^1]);
            }
        }
        if (json is not null)
            ResultFile.Write(json.FullName, new FamiliesResult(generation, prefixes));
    }

    private static FamilyRow Generate(MaskPredictor model)
    {
        using var sampler = new Sampler(model);
        int[][] prompts = [.. Enumerable.Range(0, NumRows).Select(row => Tokens(model, PromptLength, seed: row + 1))];
        SamplingRow[] rows = [.. prompts.Select(prompt => Row(model, prompt, GenLength))];
        FamilyLoops.Generate(model, prompts[0], BlockLength, BlockLength);
        sampler.Sample([Row(model, prompts[0], BlockLength)]);

        // In turns, since the speed of a shared machine drifts.
        List<LoopResult> official = [];
        List<SampledRow> alone = [];
        Time ofOfficial = new(), ofTogether = new(), ofAlone = new(), ofRows = new();
        for (int turn = 0; turn < NumTurns; turn++)
        {
            official = ofOfficial.Run(() => prompts.Select(prompt => FamilyLoops.Generate(model, prompt, GenLength, BlockLength)).ToList());
            alone = ofAlone.Run(() => rows.Select(row => sampler.Sample([row])[0]).ToList());
            ofTogether.Run(() => FamilyLoops.GenerateTogether(model, prompts, GenLength, BlockLength));
            ofRows.Run(() => sampler.Sample(rows));
        }

        double numTokens = NumRows * GenLength;
        double? together = model.Config.Family.IsBlockCausal ? null : ofTogether.Least;
        return new FamilyRow(
            model.Config.Family.Name,
            numTokens / ofOfficial.Least,
            numTokens / ofAlone.Least, ofOfficial.Least / ofAlone.Least,
            numTokens / ofRows.Least, ofOfficial.Least / ofRows.Least,
            numTokens / together, together / ofRows.Least,
            official.Average(loop => loop.Forwards), alone.Average(row => row.NumForwards),
            official.Average(loop => (double)loop.TokenForwards), alone.Average(row => (double)row.NumTokenForwards),
            official.Zip(alone).Average(row => row.First.Tokens.AsSpan().SequenceEqual(row.Second.Tokens.AsSpan(PromptLength)) ? 1.0 : 0));
    }

    private static async Task<PrefixRow> ShareAsync(MaskPredictor model, long prefixBytes)
    {
        using var engine = new SamplingEngine(model, numTokens: null, MaxTokens, prefixBytes);
        int[] common = Tokens(model, CommonLength, seed: 1);
        SamplingRow[] rows = [.. Enumerable.Range(0, NumLines)
            .Select(line => Row(model, [.. common, .. Tokens(model, OwnLength, seed: line + 2)], LineGenLength))];
        int forwards = 0;
        long started = Stopwatch.GetTimestamp();
        var running = rows.Select(row => engine.SubmitAsync(row)).ToList();
        while (engine.HasWork)
            forwards += engine.Step() > 0 ? 1 : 0;
        var sampled = await Task.WhenAll(running);
        return new PrefixRow(
            model.Config.Family.Name, prefixBytes > 0 ? "shared" : "computed by each line",
            Stopwatch.GetElapsedTime(started).TotalSeconds, forwards,
            sampled.Sum(row => row.NumTokenForwards), sampled.Sum(row => (long)row.NumReusedTokens));
    }

    /// <summary>One token a step, as the official loops have it.</summary>
    private static SamplingRow Row(MaskPredictor model, int[] prompt, int genLength)
    {
        var rule = FamilySampling.Rules(model.Config)[0];
        bool hasBlocks = !model.Config.Family.IsBlockCausal && rule == Remasking.LowConfidence;
        return new SamplingRow(
            [.. prompt, .. Enumerable.Repeat(model.Config.MaskTokenId, genLength)],
            new SamplingOptions { Remasking = rule, BlockLength = hasBlocks ? BlockLength : null });
    }

    private static int[] Tokens(MaskPredictor model, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(model.Config.MaskTokenId))];
    }

    /// <summary>How many seconds something takes, the fastest of its runs.</summary>
    private sealed class Time
    {
        private readonly List<double> _seconds = [];

        public double Least => _seconds.Min();

        public T Run<T>(Func<T> run)
        {
            long started = Stopwatch.GetTimestamp();
            var result = run();
            _seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            return result;
        }
    }
}
