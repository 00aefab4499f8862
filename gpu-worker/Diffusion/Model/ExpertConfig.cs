namespace LLaDA.Diffusion.Model;

/// <summary>How a router scores experts, and what it makes of the scores.</summary>
public enum RouterKind
{
    /// <summary>
    /// Softmax over all experts, plus the bias where there is one; the best are chosen, and these values are the weights as they are.
    /// </summary>
    Softmax,

    /// <summary>
    /// Sigmoid. The bias counts for the choice alone, which is made among the best groups; the weights are the scores without it, divided
    /// by their sum where several are chosen, times the scale.
    /// </summary>
    Sigmoid,
}

/// <summary>The experts that take the place of the feed-forward layer in some or all layers.</summary>
public sealed record ExpertConfig
{
    /// <summary>Each has a name in the files: a hostile config.json must not fill the memory with names.</summary>
    private const int MostExperts = 1 << 17;

    public required RouterKind Router { get; init; }

    /// <summary>Experts of a layer.</summary>
    public required int NumExperts { get; init; }

    /// <summary>Experts that each token passes.</summary>
    public required int NumChosen { get; init; }

    /// <summary>W, the width of an expert's gated feed-forward layer.</summary>
    public required int Width { get; init; }

    /// <summary>Width of the expert that every token passes, which is added unweighted; 0 for none.</summary>
    public int SharedWidth { get; init; }

    /// <summary>Whether the router has a bias by expert: a buffer, which training does not change.</summary>
    public bool HasBias { get; init; }

    /// <summary>Groups that the experts form, in their order.</summary>
    public int NumGroups { get; init; } = 1;

    /// <summary>The groups that experts are chosen from: those with the largest sums of their two best scores.</summary>
    public int NumChosenGroups { get; init; } = 1;

    /// <summary>Multiplies the weights.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Weight of the balance loss where experts are trained; 0 for none.</summary>
    public double BalanceWeight { get; init; }

    /// <summary>Layers, from 0, with a plain feed-forward layer instead.</summary>
    public IReadOnlyList<int> DenseLayers { get; init; } = [];

    /// <summary>Whether checkpoints hold one tensor for all experts of a layer instead of one each.</summary>
    public bool AreStacked { get; init; }

    /// <summary>Every error of these values, as sentences.</summary>
    internal IEnumerable<string> Validate(int numLayers)
    {
        if (NumExperts < 1 || Width < 1 || SharedWidth < 0)
            yield return $"num_experts is {NumExperts} and the width of an expert {Width}; both must be positive";
        if ((long)NumExperts * numLayers > MostExperts)
            yield return $"num_experts is {NumExperts} in {numLayers} layers; at most {MostExperts} in all layers together are accepted";
        if (NumChosen < 1 || NumChosen > NumExperts)
            yield return $"num_experts_per_tok is {NumChosen}; it must be at least 1 and at most num_experts, {NumExperts}";
        if (NumGroups < 1 || NumExperts % NumGroups != 0 || NumChosenGroups < 1 || NumChosenGroups > NumGroups)
        {
            yield return $"{NumGroups} groups of which {NumChosenGroups} are chosen do not split {NumExperts} experts: "
                + "n_group must divide num_experts, and topk_group lie between 1 and n_group";
        }
        else if (NumGroups > 1 && NumExperts / NumGroups < 2)
        {
            yield return $"n_group is {NumGroups} for {NumExperts} experts; a group needs at least 2";
        }
        else if (NumChosen > NumExperts / NumGroups * NumChosenGroups)
        {
            yield return $"num_experts_per_tok is {NumChosen}, more than the experts of {NumChosenGroups} groups";
        }
        if (!double.IsFinite(Scale) || !(BalanceWeight >= 0))
            yield return "routed_scaling_factor and router_aux_loss_coef must be finite, and the latter not negative";
        if (DenseLayers.Any(layer => layer < 0 || layer >= numLayers))
            yield return $"the layers without experts must lie in [0, {numLayers})";
    }
}
