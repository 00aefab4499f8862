using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Rotary position embedding (Su et al. 2021) in the rotate-half form: the pair (x_i, x_{i+R/2}) is rotated by position * theta^(-2i/R).
/// </summary>
/// <remarks>Not a module, since the tables are not part of a checkpoint.</remarks>
/// <param name="width">R, the leading components of a head that are rotated; E for the whole head.</param>
public sealed class RotaryEmbedding(int width, int maxPosition, double theta, Device device) : IDisposable
{
    private Tensor? _cosine;
    private Tensor? _sine;

    /// <summary>The rotation of tokens at the given positions, shared by all layers of a pass.</summary>
    /// <param name="positions">[T], int64.</param>
    public Rotation At(Tensor positions)
    {
        if (_cosine is null || _sine is null)
            BuildTables();
        return new Rotation(_cosine!.index_select(0, positions).unsqueeze(1), _sine!.index_select(0, positions).unsqueeze(1));
    }

    public void Dispose()
    {
        _cosine?.Dispose();
        _sine?.Dispose();
    }

    private void BuildTables()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var exponents = tensor([.. Enumerable.Range(0, width / 2).Select(pair => (float)(2 * pair) / width)], device: device);
        var frequencies = pow(tensor((float)theta, device: device), exponents).reciprocal();                    // [R/2]
        var positions = tensor([.. Enumerable.Range(0, maxPosition).Select(position => (float)position)], device: device);
        var angles = positions.unsqueeze(1) * frequencies.unsqueeze(0);                                         // [maxPosition, R/2]
        var (cosine, sine) = (angles.cos(), angles.sin());
        _cosine = cat([cosine, cosine], dim: -1).DetachFromDisposeScope();                                      // [maxPosition, R]
        _sine = cat([sine.neg(), sine], dim: -1).DetachFromDisposeScope();                                      // [maxPosition, R]
    }
}

/// <summary>The angles by which tokens are rotated: x becomes x * cosine + (x with its halves exchanged) * sine.</summary>
/// <param name="Cosine">[T, 1, R], float32: those of the pairs, twice.</param>
/// <param name="Sine">[T, 1, R], float32: those of the pairs negated, then as they are.</param>
public readonly record struct Rotation(Tensor Cosine, Tensor Sine)
{
    /// <remarks>Computed in float32 whatever the type of the activations. Components behind the rotated ones stay.</remarks>
    /// <param name="x">[T, H, E].</param>
    /// <returns>[T, H, E], in the type of x.</returns>
    public Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        long width = Cosine.shape[^1], rest = x.shape[^1] - width;
        return rest == 0
            ? Rotate(x).MoveToOuterDisposeScope()
            : cat([Rotate(x.narrow(-1, 0, width)), x.narrow(-1, width, rest)], dim: -1).MoveToOuterDisposeScope();
    }

    private Tensor Rotate(Tensor x)
    {
        using var scope = NewDisposeScope();
        var full = x.to(ScalarType.Float32);
        var halves = full.chunk(2, dim: -1);
        var rotated = (cat([halves[1], halves[0]], dim: -1) * Sine).Add(full * Cosine);
        return rotated.to(x.dtype).MoveToOuterDisposeScope();
    }
}
