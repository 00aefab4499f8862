using System.Globalization;
using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Benchmarks.Tasks;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>A row of the table.</summary>
/// <param name="Tokens">A second, those before the end of text alone.</param>
/// <param name="Gain">Tokens a second over the official loop's on the same prompts.</param>
/// <param name="Forwards">Passes of a prompt.</param>
/// <param name="TokensPerForward">Tokens before the end, for each pass of a prompt.</param>
/// <param name="TokenForwards">Tokens that passed through the network for a prompt.</param>
/// <param name="ShareOfPeak">Of the measured matrix-product peak, counting the products of blocks and head.</param>
/// <param name="ExactMatch">Share of the judged prompts whose answer is the verse, letter for letter.</param>
/// <param name="Agreement">Share of them with the very answer that full recomputation, one token a step, gives.</param>
/// <param name="Distinct">Different bigrams among the bigrams of the answers.</param>
internal sealed record Measured(
    int Prompt, string Setting, int Batch, double Tokens, double Gain, double Forwards,
        double TokensPerForward, double TokenForwards, double ShareOfPeak, double ExactMatch, double Agreement, double Distinct);

/// <summary>The official loop against each setting of the sampler, on the same weights and prompts, in one run.</summary>
internal static class SamplerBenchmark
{
    private const int GenLength = 128, BlockLength = 32;

    private static readonly SamplingOptions s_plain = new() { BlockLength = BlockLength };
    private static readonly SamplingOptions s_stop = s_plain with { StopsAtEos = true };

    private static readonly (string Name, SamplingOptions Options)[] s_settings =
    [
        ("no cache", s_plain),
        ("prefix", s_plain with { Cache = CachePolicy.Prefix }),
        ("dual", s_plain with { Cache = CachePolicy.Dual }),
        ("no cache, stop", s_stop),
        ("dual, stop", s_stop with { Cache = CachePolicy.Dual }),
        ("no cache, stop, threshold 0.9", s_stop with { Threshold = 0.9 }),
        ("prefix, stop, threshold 0.9", s_stop with { Threshold = 0.9, Cache = CachePolicy.Prefix }),
        ("dual, stop, threshold 0.9", s_stop with { Threshold = 0.9, Cache = CachePolicy.Dual }),
        ("no cache, stop, threshold 0.99", s_stop with { Threshold = 0.99 }),
        ("prefix, stop, threshold 0.99", s_stop with { Threshold = 0.99, Cache = CachePolicy.Prefix }),
        ("dual, stop, threshold 0.99", s_stop with { Threshold = 0.99, Cache = CachePolicy.Dual }),
        ("no cache, stop, threshold 0.999", s_stop with { Threshold = 0.999 }),
        ("prefix, stop, threshold 0.999", s_stop with { Threshold = 0.999, Cache = CachePolicy.Prefix }),
        ("dual, stop, threshold 0.999", s_stop with { Threshold = 0.999, Cache = CachePolicy.Dual }),
        ("dual, stop, threshold 0.99, vicinity 16", s_stop with { Threshold = 0.99, Cache = CachePolicy.Dual, CacheVicinity = 16 }),
        ("dual, stop, threshold 0.99, refresh 2", s_stop with { Threshold = 0.99, Cache = CachePolicy.Dual, CacheRefresh = 2 }),
        ("dual, stop, threshold 0.99, refresh 2, runs 0.9", s_stop with
            { Threshold = 0.99, RunThreshold = 0.9, Cache = CachePolicy.Dual, CacheRefresh = 2 }),
        ("dual, stop, factor 0.1, refresh 2", s_stop with { Factor = 0.1, Cache = CachePolicy.Dual, CacheRefresh = 2 }),
        ("no cache, stop, factor 0.1", s_stop with { Factor = 0.1 }),
        ("dual, stop, factor 1", s_stop with { Factor = 1, Cache = CachePolicy.Dual }),
        ("dual, stop, threshold 0.9, runs 0.5", s_stop with { Threshold = 0.9, RunThreshold = 0.5, Cache = CachePolicy.Dual }),
    ];

    public static void Run(
        string folder, int numPrompts, int numTimed, int[] promptLengths, int[] batches, string[] settings, FileInfo? json)
    {
        using var model = Checkpoint.Load(folder);
        var tokenizer = new LLaDATokenizer(folder);
        using var sampler = new Sampler(model, tokenizer.NumTokens);
        double peak = MatrixPeak.FlopsPerSecond();
        Console.WriteLine(
            $"matrix products in float32 peak at {peak / 1e9:F0} GFLOP/s; gen {GenLength}, block {BlockLength}, temperature 0, float32; "
            + $"{numPrompts} prompts judged, {numTimed} timed");
        Console.WriteLine(
            "| prompt | setting | batch | tokens/s | gain | forwards | tokens/forward | token-forwards | of peak | exact match | "
            + "agreement | distinct bigrams |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");

        List<Measured> table = [];
        foreach (int promptLength in promptLengths)
        {
            Example[] examples = [.. Recitation.Read(tokenizer, promptLength).Take(numPrompts)];
            Example[] timed = examples[..Math.Min(numTimed, numPrompts)];
            double official = Official(table, model, timed, promptLength, peak);
            // Stopping at the end changes nothing before it, so answers are judged with it on, once for settings that differ in nothing
            // else: the tests hold that law.
            Dictionary<SamplingOptions, int[][]> answers = [];
            int[][] AnswersOf(SamplingOptions options)
            {
                options = options with { StopsAtEos = true };
                return answers.TryGetValue(options, out int[][]? known)
                    ? known : answers[options] = Answers(sampler, model, examples, options);
            }
            foreach (var (name, options) in s_settings.Where(setting => settings.Length == 0 || settings.Contains(setting.Name)))
            {
                var judged = Judge(AnswersOf(options), examples, AnswersOf(s_plain));
                foreach (int batch in batches)
                    Add(table, Time(sampler, model, timed, options, batch, promptLength, name, peak, official, judged));
            }
        }
        if (json is not null)
            ResultFile.Write(json.FullName, table);
    }

    private static double Official(List<Measured> table, MaskPredictor model, Example[] timed, int promptLength, double peak)
    {
        OfficialLoop.Generate(model, timed[0].Prompt, BlockLength, BlockLength, 4);
        long started = Stopwatch.GetTimestamp();
        int[][] answers =
            [.. timed.Select(example => Answer(model, OfficialLoop.Generate(model, example.Prompt, GenLength, BlockLength, GenLength)))];
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        double tokensPerSecond = answers.Sum(answer => answer.Length) / seconds;
        double tokenForwards = timed.Average(example => (double)GenLength * (example.Prompt.Length + GenLength));
        double flops = tokenForwards * timed.Length * (BlockFlops(model) + HeadFlops(model));
        Add(table, new Measured(
            promptLength, "official loop", 1, tokensPerSecond, 1, GenLength,
                answers.Average(answer => answer.Length) / GenLength, tokenForwards, flops / seconds / peak,
            timed.Zip(answers).Average(entry => entry.First.Answer.SequenceEqual(entry.Second) ? 1.0 : 0), 1, Distinct(answers)));
        return tokensPerSecond;
    }

    private static Quality Judge(int[][] answers, Example[] examples, int[][] reference) => new(
        examples.Zip(answers).Average(entry => entry.First.Answer.SequenceEqual(entry.Second) ? 1.0 : 0),
        reference.Zip(answers).Average(entry => entry.First.SequenceEqual(entry.Second) ? 1.0 : 0), Distinct(answers));

    private static int[][] Answers(Sampler sampler, MaskPredictor model, Example[] examples, SamplingOptions options)
    {
        List<int[]> answers = [];
        foreach (var chunk in examples.Chunk(8))
            answers.AddRange(
                sampler.Sample([.. chunk.Select(example => Row(model, example, options))])
                .Zip(chunk, (sampled, example) => Answer(model, sampled.Tokens[example.Prompt.Length..])));
        return [.. answers];
    }

    private static Measured Time(
        Sampler sampler, MaskPredictor model, Example[] timed, SamplingOptions options,
            int batch, int promptLength, string name, double peak, double official, Quality judged)
    {
        sampler.Sample([.. timed.Take(batch).Select(example => Row(model, example, options with { Steps = 4 }))]);
        List<SampledRow> sampled = [];
        long started = Stopwatch.GetTimestamp();
        foreach (var chunk in timed.Chunk(batch))
            sampled.AddRange(sampler.Sample([.. chunk.Select(example => Row(model, example, options))]));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;

        int numTokens = sampled.Zip(timed, (row, example) => Answer(model, row.Tokens[example.Prompt.Length..]).Length).Sum();
        double tokensPerSecond = numTokens / seconds;
        double headRows = sampled.Sum(row => (double)row.NumForwards) * BlockLength / 2;     // half of a block is masked on average
        double flops = (sampled.Sum(row => (double)row.NumTokenForwards) * BlockFlops(model)) + (headRows * HeadFlops(model));
        return new Measured(
            promptLength, name, batch, tokensPerSecond, tokensPerSecond / official,
                sampled.Average(row => row.NumForwards), (double)numTokens / sampled.Sum(row => row.NumForwards),
            sampled.Average(row => row.NumTokenForwards), flops / seconds / peak, judged.ExactMatch, judged.Agreement, judged.Distinct);
    }

    private static SamplingRow Row(MaskPredictor model, Example example, SamplingOptions options) =>
        new([.. example.Prompt, .. Enumerable.Repeat(model.Config.MaskTokenId, GenLength)], options);

    /// <summary>The tokens before the end of text.</summary>
    private static int[] Answer(MaskPredictor model, int[] generated)
    {
        int end = Array.IndexOf(generated, model.Config.EosTokenId);
        return end < 0 ? generated : generated[..end];
    }

    private static double Distinct(IReadOnlyList<int[]> answers)
    {
        (int, int)[] bigrams = [.. answers.SelectMany(answer => answer.Zip(answer.Skip(1)))];
        return bigrams.Length == 0 ? 0 : (double)bigrams.Distinct().Count() / bigrams.Length;
    }

    /// <summary>Of one token through all blocks, attention left out.</summary>
    private static double BlockFlops(MaskPredictor model)
    {
        var config = model.Config;
        double keyValueWidth = config.NumKeyValueHeads * config.HeadWidth;
        return 2.0 * config.NumLayers * config.ModelWidth * ((2 * config.ModelWidth) + (2 * keyValueWidth) + (3 * config.FeedForwardWidth));
    }

    private static double HeadFlops(MaskPredictor model) => 2.0 * model.Config.ModelWidth * model.Config.EmbeddingSize;

    private sealed record Quality(double ExactMatch, double Agreement, double Distinct);

    private static void Add(List<Measured> table, Measured row)
    {
        table.Add(row);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {row.Prompt} | {row.Setting} | {row.Batch} | {row.Tokens:F1} | {row.Gain:F1} | {row.Forwards:F1} | "
            + $"{row.TokensPerForward:F2} | {row.TokenForwards:F0} | {row.ShareOfPeak:P0} | {row.ExactMatch:P1} | {row.Agreement:P1} | "
            + $"{row.Distinct:P0} |"));
    }
}
