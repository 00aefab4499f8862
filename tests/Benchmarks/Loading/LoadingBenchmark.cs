using System.CommandLine;
using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Loading;

/// <summary>A checkpoint from its files to the first logits; the files are in the system's cache. Medians.</summary>
/// <param name="File">Type of the weights in the files.</param>
/// <param name="Memory">Type of the weights in memory and of the products.</param>
/// <param name="Hash">Seconds to check the files against their manifest.</param>
/// <param name="Load">Seconds until the weights are in memory.</param>
/// <param name="FirstLogits">Seconds of the first pass, of 32 tokens.</param>
/// <param name="Total">Seconds of loading and the first pass.</param>
/// <param name="Processor">Seconds of processor time that these take.</param>
internal sealed record LoadingRow(
    string File, string Memory, double Gigabytes, double Hash, double Load, double FirstLogits, double Total, double Processor);

/// <summary>How long a model of half a billion parameters takes to its first logits. Its weights are drawn on the spot.</summary>
internal static class LoadingBenchmark
{
    private const int NumTokens = 32;

    /// <summary>The shape of a small model with a large vocabulary.</summary>
    private static readonly LLaDAConfig s_config = new()
    {
        ModelWidth = 896,
        NumLayers = 24,
        NumHeads = 14,
        NumKeyValueHeads = 2,
        FeedForwardWidth = 4864,
        VocabularySize = 151_936,
        EmbeddingSize = 151_936,
        MaxSequenceLength = 2048,
        RopeTheta = 1_000_000,
        TiesWeights = true,
        HasQkvBias = true,
        MaskTokenId = 151_935,
        EosTokenId = 151_934,
        PadTokenId = 151_934,
        EotTokenId = 151_933,
    };

    public static Command Create(Option<FileInfo?> json)
    {
        var repeats = new Option<int>("--repeats") { Description = "Loads of each kind", DefaultValueFactory = _ => 3 };
        var command = new Command("loading", "A checkpoint of half a billion parameters from its files to the first logits")
            { repeats, json };
        command.SetAction(parse =>
        {
            var rows = Run(parse.GetValue(repeats));
            if (parse.GetValue(json) is { } file)
                ResultFile.Write(file.FullName, rows);
        });
        return command;
    }

    private static List<LoadingRow> Run(int repeats)
    {
        List<LoadingRow> rows = [];
        foreach (var stored in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            string folder = Directory.CreateTempSubdirectory("llada-loading-").FullName;
            try
            {
                Write(folder, stored);
                foreach (var memory in new[] { ScalarType.Float32, ScalarType.BFloat16 })
                {
                    rows.Add(Measure(folder, stored, memory, repeats));
                    Console.WriteLine(rows[^1]);
                }
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        return rows;
    }

    private static void Write(string folder, ScalarType type)
    {
        LibTorch.Load();
        using var noGradient = no_grad();
        using var model = new MaskPredictor(s_config, CPU);
        foreach (var (_, parameter) in model.named_parameters())
            parameter.uniform_(-0.02, 0.02);
        Checkpoint.Save(model, folder, type);
        Manifest.Write(folder);
    }

    private static LoadingRow Measure(string folder, ScalarType stored, ScalarType memory, int repeats)
    {
        List<double> hashes = [], loads = [], passes = [], totals = [], processor = [];
        for (int repeat = 0; repeat < repeats; repeat++)
        {
            hashes.Add(Seconds(() => Manifest.Verify(folder)));
            MaskPredictor? model = null;
            var processorBefore = Process.GetCurrentProcess().TotalProcessorTime;
            loads.Add(Seconds(() => model = Checkpoint.Load(folder, CPU, memory, memory)));
            passes.Add(Seconds(() => FirstLogits(model!)));
            processor.Add((Process.GetCurrentProcess().TotalProcessorTime - processorBefore).TotalSeconds);
            totals.Add(loads[^1] + passes[^1]);
            model!.Dispose();
        }
        double gigabytes = new DirectoryInfo(folder).GetFiles("*.safetensors").Sum(file => file.Length) / 1e9;
        return new LoadingRow(
            Name(stored), Name(memory), gigabytes, Median(hashes), Median(loads), Median(passes), Median(totals), Median(processor));
    }

    private static void FirstLogits(MaskPredictor model)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        _ = model.forward(full([1, NumTokens], s_config.MaskTokenId, ScalarType.Int64))[0, 0, 0].item<float>();
    }

    private static double Seconds(Action work)
    {
        long started = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static string Name(ScalarType type) => type == ScalarType.BFloat16 ? "bfloat16" : "float32";
}
