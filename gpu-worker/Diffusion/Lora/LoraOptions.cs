using System.Text.RegularExpressions;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Lora;

/// <summary>The projections that a LoRA adapter changes, and its rank and scale.</summary>
public sealed record LoraOptions : IAdapterOptions
{
    private const string Weight = ".weight";

    /// <summary>r, at least 1.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>The change is scaled by Alpha / Rank.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>
    /// Full paths of the modules that are changed, in the names of the model's family, with * for the number of any layer or expert; null
    /// for every projection of every block but those of experts. Never an end of a path: <c>ff_out</c> is the name of the head as well as
    /// of a part of each block. Experts of a layer are named all together, as in <c>model.layers.*.mlp.experts.*.up_proj</c>.
    /// </summary>
    public IReadOnlyList<string>? Targets { get; init; }

    public long Seed { get; init; } = 1;

    /// <summary>The model that the adapter's configuration names; null for none.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Weights of the adapters of a model.</summary>
    /// <exception cref="ArgumentException">As for the adapters themselves.</exception>
    public long NumParameters(LLaDAConfig config)
    {
        var shapes = ParameterShapes.Of(config);
        return Projections(config).Sum(projection => Count(Shape(shapes, projection)));

        long Count(long[] shape) => Rank * (shape[^1] + shape[^2]) * (shape.Length == 3 ? shape[0] : 1);
    }

    public int NumVirtualTokens => 0;

    public IAdapter AddTo(MaskPredictor model) => new LoraWeights(model, this);

    /// <returns>The projections of the model that the targets name, in the order of the model.</returns>
    /// <exception cref="ArgumentException">Rank or alpha out of range, or targets that the model does not have.</exception>
    internal IReadOnlyList<string> Projections(LLaDAConfig config)
    {
        List<string> errors = [];
        if (Rank < 1)
            errors.Add($"rank is {Rank}; it must be at least 1");
        if (!(Alpha > 0 && double.IsFinite(Alpha)))
            errors.Add($"alpha is {Alpha}; it must be positive");
        if (Targets is [])
            errors.Add("an adapter needs a target");

        var shapes = ParameterShapes.Of(config);
        string[] all = [.. shapes.Where(entry => IsProjection(entry.Key, entry.Value)).Select(entry => Path(entry.Key))];
        if (Targets is null && errors.Count == 0)
            return [.. all.Where(projection => projection.StartsWith("blocks.", StringComparison.Ordinal) && !IsOfExperts(projection))];
        string[] Modules(string projection) => [.. AdapterNames.Modules(config.Family.Naming, projection, Shape(shapes, projection))];
        HashSet<string> chosen = [];
        foreach (string target in Targets ?? [])
        {
            string escaped = Regex.Escape(target).Replace("\\*", "[0-9]+", StringComparison.Ordinal);
            var pattern = new Regex($"^{escaped}$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
            string[] found = [.. all.Where(projection => Array.TrueForAll(Modules(projection), pattern.IsMatch))];
            if (found.Length == 0)
                errors.Add($"{target} is not the full path of a projection of this model, such as {Modules(all[0])[0]}");
            chosen.UnionWith(found);
        }
        return errors.Count == 0 ? [.. all.Where(chosen.Contains)] : throw new ArgumentException(string.Join("; ", errors));
    }

    private static bool IsProjection(string parameter, long[] shape) => shape.Length == 3
        || (shape.Length == 2 && parameter != "wte.weight" && !parameter.EndsWith(".router.weight", StringComparison.Ordinal));

    private static bool IsOfExperts(string projection) => projection.Contains(".moe.experts.", StringComparison.Ordinal);

    private static string Path(string parameter) =>
        parameter.EndsWith(Weight, StringComparison.Ordinal) ? parameter[..^Weight.Length] : parameter;

    private static long[] Shape(IReadOnlyDictionary<string, long[]> shapes, string projection) =>
        shapes.TryGetValue(projection, out long[]? stack) ? stack : shapes[projection + Weight];
}
