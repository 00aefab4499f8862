using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>
/// How often a row's tokens differ between running alone and among others that come and go, each with its own length, steps, block,
/// temperature, guidance, cache and seed.
/// </summary>
internal static class RowsBenchmark
{
    private const int MaxTokens = 512, MaxPrompt = 24, MaxMasks = 16, MaxSteps = 6;

    public static async Task RunAsync(string folder, int numRows)
    {
        using var model = Checkpoint.Load(folder);
        using var sampler = new Sampler(model);
        using var engine = new SamplingEngine(model, numTokens: null, MaxTokens);
        var random = new Random(1);
        SamplingRow[] rows = [.. Enumerable.Range(0, numRows).Select(_ => Draw(random, model.Config))];

        List<Task<SampledRow>> mixed = [];
        List<long> residentMegabytes = [];
        foreach (var row in rows)
        {
            mixed.Add(engine.SubmitAsync(row));
            if (random.Next(2) == 0)
                engine.Step();
            if (mixed.Count % Math.Max(1, numRows / 10) == 0)
                residentMegabytes.Add(Environment.WorkingSet >> 20);
        }
        while (engine.HasWork)
            engine.Step();

        int numTokensDiffer = 0, numBitsDiffer = 0;
        foreach (var (row, among) in rows.Zip(await Task.WhenAll(mixed)))
        {
            var alone = sampler.Sample([row])[0];
            if (!alone.Tokens.SequenceEqual(among.Tokens))
                numTokensDiffer++;
            if (!alone.Confidence.SequenceEqual(among.Confidence))
                numBitsDiffer++;
        }
        Console.WriteLine(
            $"{numRows} rows on {TorchSharp.torch.get_num_threads()} threads, float32: {numTokensDiffer} with other tokens than alone, "
            + $"{numBitsDiffer} with other confidences in any bit");
        Console.WriteLine($"resident memory after each tenth of the rows, MB: {string.Join(", ", residentMegabytes)}");
    }

    private static SamplingRow Draw(Random random, LLaDAConfig config)
    {
        int[] prompt = [.. Enumerable.Range(0, random.Next(1, MaxPrompt)).Select(_ => random.Next(config.MaskTokenId))];
        var options = new SamplingOptions
        {
            Steps = random.Next(1, MaxSteps),
            BlockLength = random.Next(2) == 0 ? random.Next(2, MaxMasks) : null,
            Temperature = random.Next(2),
            CfgScale = random.Next(4) == 0 ? 1 : 0,
            Threshold = random.Next(2) == 0 ? 0.5 : null,
            Cache = (CachePolicy)random.Next(3),
            Seed = (ulong)random.Next(),
        };
        return new SamplingRow([.. prompt, .. Enumerable.Repeat(config.MaskTokenId, random.Next(1, MaxMasks))], options);
    }
}
