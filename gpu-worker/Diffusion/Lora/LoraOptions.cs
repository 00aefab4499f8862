using System.Text.RegularExpressions;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Lora;

/// <summary>The projections that a LoRA adapter changes, and its rank and scale.</summary>
public sealed record LoraOptions
{
    /// <summary>Every projection of every block.</summary>
    public static IReadOnlyList<string> AllProjections { get; } =
    [
        .. new[] { "q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out" }
            .Select(part => $"model.transformer.blocks.*.{part}"),
    ];

    /// <summary>r, at least 1.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>The change is scaled by Alpha / Rank.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>
    /// Full paths of the modules that are changed, with * for the number of any layer. Never an end of a path: <c>ff_out</c> is the name of
    /// the head as well as of a part of each block.
    /// </summary>
    public IReadOnlyList<string> Targets { get; init; } = AllProjections;

    public long Seed { get; init; } = 1;

    /// <summary>The model that the adapter's configuration names; null for none.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Weights of the adapters of a model.</summary>
    /// <exception cref="ArgumentException">As for the adapters themselves.</exception>
    public long NumParameters(LLaDAConfig config)
    {
        var shapes = ParameterShapes.Of(config);
        return Projections(config).Sum(projection => Rank * shapes[$"{projection}.weight"].Sum());
    }

    /// <returns>The projections of the model that the targets name, in the order of the model.</returns>
    /// <exception cref="ArgumentException">Rank or alpha out of range, or targets that the model does not have.</exception>
    internal IReadOnlyList<string> Projections(LLaDAConfig config)
    {
        List<string> errors = [];
        if (Rank < 1)
            errors.Add($"rank is {Rank}; it must be at least 1");
        if (!(Alpha > 0 && double.IsFinite(Alpha)))
            errors.Add($"alpha is {Alpha}; it must be positive");
        if (Targets.Count == 0)
            errors.Add("an adapter needs a target");

        string[] all = [.. ParameterShapes.Of(config).Where(entry => entry.Value.Length == 2 && entry.Key != "wte.weight")
            .Select(entry => entry.Key[..^".weight".Length])];
        HashSet<string> chosen = [];
        foreach (string target in Targets)
        {
            string escaped = Regex.Escape(target).Replace("\\*", "[0-9]+", StringComparison.Ordinal);
            var pattern = new Regex($"^{escaped}$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
            string[] found = [.. all.Where(projection => pattern.IsMatch(TensorNames.LLaDA(projection)))];
            if (found.Length == 0)
                errors.Add($"{target} is not the full path of a projection of this model, such as {TensorNames.LLaDA(all[0])}");
            chosen.UnionWith(found);
        }
        return errors.Count == 0 ? [.. all.Where(chosen.Contains)] : throw new ArgumentException(string.Join("; ", errors));
    }
}
