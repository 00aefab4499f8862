namespace LLaDA.Diffusion.Sampling;

/// <summary>Neighbouring candidates of a row whose logits exist at the same time.</summary>
/// <param name="First">The first one's index among the row's candidates.</param>
internal readonly record struct RowPart(DenoisingRow Row, int First, int Count)
{
    public IEnumerable<int> Positions => Row.Candidates.Skip(First).Take(Count);
}
