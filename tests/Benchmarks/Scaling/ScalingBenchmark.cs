using System.Globalization;
using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>Held-out loss at some step.</summary>
/// <param name="Flops">Of training so far.</param>
/// <param name="Loss">In nats a token: a bound for the diffusion model, exact for the twin.</param>
internal sealed record ScalingPoint(int Step, long Tokens, double Flops, double Loss);

/// <summary>A model that is trained.</summary>
/// <param name="Points">In the order of steps; the last one is the model's.</param>
internal sealed record Scaled(string Model, int Width, int Layers, long Parameters, IReadOnlyList<ScalingPoint> Points)
{
    public ScalingPoint Last => Points[^1];
}

/// <summary>Trains diffusion models and their autoregressive twins of four sizes on the same tokens.</summary>
/// <param name="folder">Holds the runs and the models; those that are done are read, one that was interrupted goes on.</param>
/// <param name="tokenizerFolder">Its files are copied to the models.</param>
internal sealed class ScalingBenchmark(
    string folder, string tokenizerFolder, ITrainingData training, ITrainingData heldOut, ScalingRecipe recipe, Device device)
{
    private static readonly (int Width, int Layers)[] s_sizes = [(32, 2), (64, 3), (128, 4), (192, 5)];

    private readonly LLaDATokenizer _tokenizer = new(tokenizerFolder);

    /// <summary>The pairs from small to large, each when it is asked for.</summary>
    public IEnumerable<Scaled> Run(CancellationToken cancellation)
    {
        recipe.Claim(folder);
        foreach (var (width, layers) in s_sizes)
        {
            foreach (bool isCausal in new[] { false, true })
                yield return Train(width, layers, isCausal, cancellation);
        }
    }

    private Scaled Train(int width, int layers, bool isCausal, CancellationToken cancellation)
    {
        string name = isCausal ? "twin"
            : "diffusion", run = Path.Combine(folder, $"{name}-{width}x{layers}"), result = Path.Combine(run, "scaled.json");
        if (File.Exists(result))
            return JsonSerializer.Deserialize<Scaled>(File.ReadAllText(result))!;
        Directory.CreateDirectory(run);
        var config = recipe.Config(_tokenizer, width, layers, isCausal);
        using var model = new MaskPredictor(config, device, ScalarType.Float32, ScalarType.BFloat16);
        model.Initialize(recipe.Seed);
        new Trainer(new FullWeights(model), training, heldOut, recipe.Training, run).Run(metrics =>
        {
            if (metrics.Step % 50 == 0)
                Console.Error.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{name} {width}x{layers} step {metrics.Step} of {recipe.Steps}  loss {metrics.Loss:F3}  "
                        + $"{metrics.TokensPerSecond:F0} tokens/s"));
        }, cancellation);

        Save(model, Path.Combine(run, "model"));
        var points = MetricsLog.Read(run).Where(metrics => metrics.ValidationLoss is not null)
            .Select(metrics =>
                new ScalingPoint(metrics.Step, metrics.NumTokens, recipe.Flops(config, metrics.NumTokens), metrics.ValidationLoss!.Value));
        var scaled = new Scaled(name, width, layers, config.NumParameters, [.. points]);
        WholeFile.Write(result, JsonSerializer.Serialize(scaled));
        return scaled;
    }

    private void Save(MaskPredictor model, string target)
    {
        Checkpoint.Save(model, target);
        foreach (string file in new[] { "tokenizer.json", "tokenizer_config.json" })
            File.Copy(Path.Combine(tokenizerFolder, file), Path.Combine(target, file), overwrite: true);
    }
}
