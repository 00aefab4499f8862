using System.CommandLine;
using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Weights;

/// <summary>What a type of weights and products costs a model.</summary>
/// <param name="Megabytes">Of the weights, 10^6 bytes.</param>
/// <param name="BitsPerToken">The bound on held-out text; null for a model with random weights.</param>
/// <param name="Agreement">Share of masked positions whose most probable token is that of float32.</param>
/// <param name="Positions">Masked positions that were compared.</param>
/// <param name="Milliseconds">Of a pass of 128 tokens on one thread of a CPU, the fastest of several.</param>
internal sealed record WeightsRow(
    string Model, string Weights, string Products, double Megabytes, double? BitsPerToken,
    double Agreement, int Positions, double Milliseconds);

/// <summary>Types of weights and products on the bundled models and on the golden models of every family.</summary>
internal static class WeightsBenchmark
{
    private const int PassTokens = 8192, MaxTokens = 128, NumSamples = 8, NumPasses = 20, NumCanvases = 32;

    private static readonly (ScalarType Weights, ScalarType Products)[] s_types =
    [
        (ScalarType.Float32, ScalarType.Float32), (ScalarType.BFloat16, ScalarType.BFloat16), (ScalarType.Float16, ScalarType.Float16),
        (ScalarType.Int8, ScalarType.BFloat16), (ScalarType.Int8, ScalarType.Float16),
    ];

    public static Command Create(Option<FileInfo?> json)
    {
        var text = new Option<FileInfo>("--text")
            { Description = "Held-out documents, as llada-train corpus writes them", Required = true };
        var count = new Option<int>("--documents") { Description = "Documents, from the first on", DefaultValueFactory = _ => 200 };
        var command = new Command("weights", "What types of weights and products cost in bits, tokens and time") { text, count, json };
        command.SetAction(parse =>
        {
            set_num_threads(1);
            string[] documents = [.. TextDocuments.Read(parse.GetValue(text)!.FullName).Take(parse.GetValue(count))];
            string root = Repository.Root;
            List<WeightsRow> rows = [];
            foreach (string folder in Directory.GetDirectories(Path.Combine(root, "gpu-worker", "models"), "llada-*").Order())
                rows.AddRange(OfText(folder, documents));
            foreach (string folder in Directory.GetDirectories(Path.Combine(root, "tests", "golden")).Order().Where(NamesItsMask))
                rows.AddRange(OfRandom(folder));
            if (parse.GetValue(json) is { } file)
                ResultFile.Write(file.FullName, rows);
        });
        return command;
    }

    /// <summary>The golden folders of some families leave the mask to a tokenizer, which they lack.</summary>
    private static bool NamesItsMask(string folder)
    {
        try
        {
            return LLaDAConfigJson.Read(Path.Combine(folder, Checkpoint.ConfigFile)).MaskTokenId >= 0;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    private static List<WeightsRow> OfText(string folder, string[] documents)
    {
        var tokenizer = new LLaDATokenizer(folder);
        HeldOutDocument[] heldOut = [.. documents.Select(document => HeldOutDocument.Of(tokenizer, document, MaxTokens))];
        return Measure(folder, heldOut.Select(document => document.Tokens), heldOut);
    }

    private static List<WeightsRow> OfRandom(string folder)
    {
        var config = LLaDAConfigJson.Read(Path.Combine(folder, Checkpoint.ConfigFile));
        int length = Math.Min(MaxTokens, config.MaxSequenceLength), numTokens = Math.Min(config.VocabularySize, config.MaskTokenId);
        var random = new Random(1);
        return Measure(folder, Enumerable.Range(0, NumCanvases).Select(_ =>
            Enumerable.Range(0, length).Select(_ => random.Next(numTokens)).ToArray()), heldOut: null);
    }

    private static List<WeightsRow> Measure(string folder, IEnumerable<int[]> texts, HeldOutDocument[]? heldOut)
    {
        int[][] all = [.. texts];
        int[][]? expected = null;
        List<WeightsRow> rows = [];
        foreach (var (weights, products) in s_types)
        {
            using var noGradient = no_grad();
            using var model = Checkpoint.Load(folder, weightType: weights, computeType: products);
            int[][] predicted = [.. all.Select((tokens, index) => Predicted(model, tokens, index))];
            expected ??= predicted;
            var pairs = expected.Zip(predicted).SelectMany(pair => pair.First.Zip(pair.Second)).ToList();
            rows.Add(new WeightsRow(
                Path.GetFileName(folder), $"{weights}", $"{products}", WeightBytes.Of(model.Config, weights, products) / 1e6,
                heldOut is null ? null : Bits(model, heldOut),
                (double)pairs.Count(pair => pair.First == pair.Second) / pairs.Count, pairs.Count, MillisecondsOf(model)));
            Console.WriteLine(rows[^1]);
        }
        return rows;
    }

    /// <summary>The most probable tokens of every second position, which are masked.</summary>
    private static int[] Predicted(MaskPredictor model, int[] tokens, int index)
    {
        using var scope = NewDisposeScope();
        long[] canvas = [.. tokens.Select((token, place) => IsMasked(place, index) ? (long)model.Config.MaskTokenId : token)];
        long[] places = [.. Enumerable.Range(0, tokens.Length).Where(place => IsMasked(place, index)).Select(
            place => (long)model.Config.PlaceOf(place))];
        var logits = model.forward(tensor(canvas).unsqueeze(0))[0].index_select(0, tensor(places));
        return [.. logits.argmax(-1).data<long>().Select(token => (int)token)];
    }

    private static bool IsMasked(int place, int index) => place > 0 && (place + index) % 2 == 0;

    private static double Bits(MaskPredictor model, HeldOutDocument[] documents)
    {
        var estimator = new LikelihoodEstimator(model, PassTokens);
        double[] likelihoods = [.. documents.Select((document, index) => estimator.LogLikelihood(
            document.Tokens[..1], document.Tokens[1..], new LikelihoodOptions { NumSamples = NumSamples, Seed = (ulong)index }))];
        return TextBits.Of(documents, likelihoods).PerToken;
    }

    private static double MillisecondsOf(MaskPredictor model)
    {
        using var scope = NewDisposeScope();
        var canvas = full([1, Math.Min(MaxTokens, model.Config.MaxSequenceLength)], model.Config.MaskTokenId, ScalarType.Int64);
        double best = double.MaxValue;
        for (int pass = 0; pass < NumPasses; pass++)
        {
            using var passScope = NewDisposeScope();
            long started = Stopwatch.GetTimestamp();
            model.Hidden(canvas);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        return best;
    }
}
