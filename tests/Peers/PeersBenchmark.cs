using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Peers;

/// <summary>A measure of one model in one precision.</summary>
/// <param name="Ours">Milliseconds, or seconds where the measure says so.</param>
/// <param name="LlamaCpp">Likewise.</param>
/// <param name="Ratio">Of llama.cpp's time to ours: above 1 we are faster.</param>
internal sealed record PeerRow(string Model, string Precision, string Measure, double Ours, double LlamaCpp, double Ratio);

/// <summary>How far the logits of llama.cpp are from ours in float32.</summary>
/// <param name="Largest">The largest logit of ours, without its sign.</param>
/// <param name="SameToken">Share of the positions with the same most probable token.</param>
internal sealed record LogitsRow(string Model, string LlamaCpp, double LargestDifference, double Largest, double SameToken);

internal sealed record PeersResult(IReadOnlyList<LogitsRow> Logits, IReadOnlyList<PeerRow> Times);

/// <summary>
/// Loading, full passes and generation by LLaDA.Batch and by llama.cpp, on the same weights, in turns. llama.cpp generates as its own
/// example does: a full pass for each token, the most confident one of the block is kept.
/// </summary>
internal static class PeersBenchmark
{
    private const int PromptLength = 64, GenLength = 64, BlockLength = 32, MaxRows = 8, MaxTokens = 1024, NumTurns = 3;

    /// <summary>Tokens of a row, and rows.</summary>
    private static readonly (int Length, int NumRows)[] s_passes = [(32, 1), (128, 1), (512, 1), (32, 8), (128, 8)];

    private static readonly (string Name, SamplingOptions Options)[] s_settings =
    [
        ("no cache", new() { BlockLength = BlockLength }),
        ("prefix cache", new() { BlockLength = BlockLength, Cache = CachePolicy.Prefix }),
        ("dual cache", new() { BlockLength = BlockLength, Cache = CachePolicy.Dual }),
    ];

    private static readonly (string Name, ScalarType Type, GgufType Gguf)[] s_precisions =
        [("float32", ScalarType.Float32, GgufType.F32), ("bfloat16", ScalarType.BFloat16, GgufType.BF16)];

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Run(string[] names, int numThreads, string tiny, FileInfo? json)
    {
        set_num_threads(numThreads);
        string root = Directory.CreateTempSubdirectory("llada-peers-").FullName;
        List<LogitsRow> logits = [];
        List<PeerRow> times = [];
        try
        {
            foreach (string name in names)
            {
                using var noGradient = no_grad();
                var model = Create(name, tiny, Path.Combine(root, name));
                foreach (var (precision, type, gguf) in s_precisions.Where(kind => model.Types.Contains(kind.Type)))
                    times.AddRange(Measure(model, precision, type, gguf, root, numThreads, logits));
                if (json is not null)
                    File.WriteAllText(json.FullName, JsonSerializer.Serialize(new PeersResult(logits, times), s_json) + "\n");
            }
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static PeerModel Create(string name, string tiny, string folder) => name switch
    {
        "tiny" => new PeerModel("bundled base, 7.2 M", tiny) { IsSmall = true },
        "100M" => PeerModel.Random("97.5 M", folder, width: 768, numLayers: 12, feedForwardWidth: 2048, ScalarType.Float32),
        "500M" => PeerModel.Random("497 M", folder, width: 1280, numLayers: 24, feedForwardWidth: 3456, ScalarType.BFloat16)
            with { Types = [ScalarType.BFloat16] },
        _ => throw new ArgumentException($"There is no model '{name}'.", nameof(name)),
    };

    private static List<PeerRow> Measure(
        PeerModel peer, string precision, ScalarType type, GgufType gguf, string root, int numThreads, List<LogitsRow> logits)
    {
        string path = Path.Combine(root, $"{precision}.gguf"), bytes = Path.Combine(root, $"{precision}-q8.gguf");
        using (var whole = Checkpoint.Load(peer.Folder))
        {
            GgufFile.Write(path, whole, gguf);
            GgufFile.Write(bytes, whole, GgufType.Q8);
        }
        List<PeerRow> rows = [];
        void Add(string measure, string kept, double ours, double theirs)
        {
            rows.Add(new PeerRow(peer.Name, kept, measure, ours, theirs, theirs / ours));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {peer.Name} | {kept} | {measure} | {ours:G4} | {theirs:G4} | {theirs / ours:F2} |"));
        }

        void AddBytes(string measure, double ours, double theirs)
        {
            if (type == ScalarType.BFloat16)
                Add(measure, "8 bit beside bfloat16", ours, theirs);
        }

        MaskPredictor? model = null;
        LlamaCpp? llama = null, quantized = null;
        try
        {
            int[] probe = Tokens(PromptLength, 1, 7000)[0];
            double ourLoad = Seconds(() =>
            {
                model = Checkpoint.Load(peer.Folder, weightType: type, computeType: type);
                using var scope = NewDisposeScope();
                model.forward(Canvas([probe]));
            });
            int vocabulary = model!.Config.EmbeddingSize, numTokens = model.Config.MaskTokenId;
            double theirLoad = Seconds(() =>
            {
                llama = new LlamaCpp(path, vocabulary, MaxRows, MaxTokens, numThreads);
                llama.Forward([probe]);
            });
            quantized = new LlamaCpp(bytes, vocabulary, MaxRows, MaxTokens, numThreads);
            Add("load to the first logits, s", precision, ourLoad, theirLoad);
            if (type == ScalarType.Float32)
            {
                logits.Add(Compare(peer.Name, "float32", model, llama!, vocabulary));
                logits.Add(Compare(peer.Name, "8 bit", model, quantized, vocabulary));
                foreach (var row in logits.TakeLast(2))
                    Console.WriteLine(row);
            }

            foreach (var (length, numRows) in s_passes)
            {
                int[][] tokens = Tokens(length, numRows, numTokens);
                using var canvas = Canvas(tokens);
                var (ours, theirs, bytewise) = InTurns(
                    () =>
                    {
                        using var scope = NewDisposeScope();
                        model.forward(canvas);
                    },
                    () => llama!.Forward(tokens),
                    () => quantized.Forward(tokens));
                string measure = $"pass of {length} tokens, {numRows} at once, ms";
                Add(measure, precision, ours * 1e3, theirs * 1e3);
                AddBytes(measure, ours * 1e3, bytewise * 1e3);
            }
            int[] batches = peer.IsSmall ? [1, MaxRows] : [1];
            Generate(model, llama!, quantized, batches, (measure, ours, theirs, bytewise) =>
            {
                Add(measure, precision, ours, theirs);
                AddBytes(measure, ours, bytewise);
            });
        }
        finally
        {
            model?.Dispose();
            llama?.Dispose();
            quantized?.Dispose();
            File.Delete(path);
            File.Delete(bytes);
        }
        return rows;
    }

    private static void Generate(
        MaskPredictor model, LlamaCpp llama, LlamaCpp quantized, int[] batches, Action<string, double, double, double> add)
    {
        using var sampler = new Sampler(model);
        foreach (int numRows in batches)
        {
            int[][] prompts = Tokens(PromptLength, numRows, model.Config.MaskTokenId);
            int[][] canvases = [.. prompts.Select(prompt =>
                (int[])[.. prompt, .. Enumerable.Repeat(model.Config.MaskTokenId, GenLength)])];
            var theirs = Seconds(() => LlamaLoop.Generate(llama, canvases, model.Config, PromptLength, BlockLength));
            var bytewise = Seconds(() => LlamaLoop.Generate(quantized, canvases, model.Config, PromptLength, BlockLength));
            foreach (var (name, options) in s_settings)
            {
                SamplingRow[] rows = [.. canvases.Select(canvas => new SamplingRow(canvas, options))];
                var ours = Seconds(() => sampler.Sample(rows));
                string measure = $"{GenLength} tokens, {name}, {numRows} at once, s";
                add(measure, ours, theirs, bytewise);
            }
        }
    }

    private static LogitsRow Compare(string name, string kept, MaskPredictor model, LlamaCpp llama, int vocabulary)
    {
        int[][] tokens = Tokens(128, 2, model.Config.MaskTokenId);
        using var scope = NewDisposeScope();
        float[] ours = model.forward(Canvas(tokens)).contiguous().data<float>().ToArray();
        var theirs = llama.Forward(tokens);
        double difference = 0, largest = 0;
        int same = 0, count = ours.Length / vocabulary;
        for (int place = 0; place < count; place++)
        {
            var mine = ours.AsSpan(place * vocabulary, vocabulary);
            var other = theirs.Slice(place * vocabulary, vocabulary);
            for (int token = 0; token < vocabulary; token++)
            {
                difference = Math.Max(difference, Math.Abs(mine[token] - other[token]));
                largest = Math.Max(largest, Math.Abs(mine[token]));
            }
            same += LlamaLoop.Best(mine) == LlamaLoop.Best(other) ? 1 : 0;
        }
        return new LogitsRow(name, kept, difference, largest, (double)same / count);
    }

    /// <summary>The fastest of some runs of each, in turns, since the speed of a shared machine drifts.</summary>
    private static (double First, double Second, double Third) InTurns(Action first, Action second, Action third)
    {
        Action[] all = [first, second, third];
        double[] least = [double.MaxValue, double.MaxValue, double.MaxValue];
        for (int turn = 0; turn <= NumTurns; turn++)
        {
            for (int index = 0; index < all.Length; index++)
            {
                double seconds = Seconds(all[index]);
                if (turn > 0)
                    least[index] = Math.Min(least[index], seconds);
            }
        }
        return (least[0], least[1], least[2]);
    }

    private static double Seconds(Action run)
    {
        long started = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static Tensor Canvas(int[][] rows) =>
        tensor([.. rows.SelectMany(row => row).Select(token => (long)token)], [rows.Length, rows[0].Length]);

    private static int[][] Tokens(int length, int numRows, int numTokens)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, numRows).Select(_ => Enumerable.Range(0, length).Select(_ => random.Next(numTokens)).ToArray())];
    }
}
