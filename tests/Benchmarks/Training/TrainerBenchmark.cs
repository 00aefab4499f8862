using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Training;

/// <summary>
/// Steps of the trainer on a network of 12 million parameters, against what matrix products reach on the same machine in the same minute.
/// </summary>
internal static class TrainerBenchmark
{
    private const int BatchSize = 8, Length = 512, WarmupSteps = 2;

    private static readonly LLaDAConfig s_config = new()
    {
        ModelWidth = 320,
        NumLayers = 7,
        NumHeads = 5,
        NumKeyValueHeads = 5,
        FeedForwardWidth = 960,
        VocabularySize = 8192,
        EmbeddingSize = 8192,
        MaxSequenceLength = Length,
        TiesWeights = true,
        MaskTokenId = 8191,
        EosTokenId = 8190,
        PadTokenId = 8190,
    };

    private sealed record Measurement(
        string Type, bool Recomputes, double TokensPerSecond, double SecondsPerStep,
        double GigaflopsPerSecond, double PeakGigaflopsPerSecond, double ShareOfPeak);

    public static void Run(int numSteps, FileInfo? json)
    {
        Console.WriteLine(
            $"{s_config.NumParameters:N0} parameters, {BatchSize} x {Length} tokens a step, {get_num_threads()} threads; medians of "
            + $"{numSteps} steps");
        Console.WriteLine($"{"products",-10}{"recompute",-11}{"tokens/s",9}{"s/step",8}{"GFLOP/s",9}{"peak",7}{"share",7}");
        List<Measurement> measurements = [];
        (ScalarType Type, bool Recomputes)[] settings =
            [(ScalarType.Float32, false), (ScalarType.BFloat16, false), (ScalarType.Float32, true), (ScalarType.BFloat16, true)];
        foreach (var (type, recomputes) in settings)
        {
            var measured = Measure(type, recomputes, numSteps);
            measurements.Add(measured);
            Console.WriteLine(
                $"{measured.Type,-10}{(recomputes ? "yes" : "no"),-11}{measured.TokensPerSecond,9:F0}{measured.SecondsPerStep,8:F2}"
                + $"{measured.GigaflopsPerSecond,9:F0}{measured.PeakGigaflopsPerSecond,7:F0}{measured.ShareOfPeak,7:P0}");
        }
        Console.WriteLine($"bfloat16 over float32: {measurements[1].TokensPerSecond / measurements[0].TokensPerSecond:F2}");
        if (json is not null)
            ResultFile.Write(json.FullName, measurements);
    }

    private static Measurement Measure(ScalarType type, bool recomputes, int numSteps)
    {
        using var model = new MaskPredictor(s_config, CPU, ScalarType.Float32, type);
        model.Initialize(1);
        var random = new Random(1);
        int[] tokens = [.. Enumerable.Range(0, 50 * Length).Select(_ => random.Next(8000))];
        var options = new TrainingOptions
        {
            BatchSize = BatchSize,
            LearningRate = new LearningRateSchedule(1e-3, 1e-3, 0, 0, WarmupSteps + numSteps),
            StratifiesTimes = true,
            ActivationCheckpointing = recomputes,
            CheckpointInterval = int.MaxValue,
        };
        string folder = Directory.CreateTempSubdirectory("llada-benchmark-").FullName;
        List<double> seconds = [];
        List<double> peaks = [];
        new Trainer(new FullWeights(model), new TokenSequences(tokens, Length, seed: 1), null, options, folder).Run(metrics =>
        {
            seconds.Add(BatchSize * Length / metrics.TokensPerSecond);
            peaks.Add(MatrixPeak.FlopsPerSecond(type));
        });
        Directory.Delete(folder, recursive: true);

        double flops = FlopsPerStep();
        double step = Median(seconds), peak = Median(peaks), share =
            Median(seconds.Zip(peaks, (time, flopsPerSecond) => flops / time / flopsPerSecond));
        return new Measurement(
            type == ScalarType.Float32 ? "float32"
            : "bfloat16", recomputes, BatchSize * Length / step, step, flops / step / 1e9, peak / 1e9, share);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Skip(WarmupSteps).Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>
    /// Of the products and attention that a step asks for, forward and backward; what is computed a second time to save memory is not
    /// counted.
    /// </summary>
    private static double FlopsPerStep()
    {
        double tokens = BatchSize * Length, width = s_config.ModelWidth;
        double block = (4 * width * width) + (3 * width * s_config.FeedForwardWidth);
        double products = 2 * tokens * s_config.NumLayers * block;
        double attention = 4 * tokens * Length * width * s_config.NumLayers;
        // Stratified noise levels mask half of the tokens on average.
        double head = 2 * (tokens / 2) * width * s_config.EmbeddingSize;
        return 3 * (products + attention + head);
    }
}
