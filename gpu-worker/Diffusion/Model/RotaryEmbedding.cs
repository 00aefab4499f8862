using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Rotary position embedding (Su et al. 2021) in the rotate-half form: the pair (x_i, x_{i+E/2}) turns by position * theta^(-2i/E).
/// </summary>
/// <remarks>Rotation is computed in float32 whatever the type of the activations. Not a module: the tables are no part of a checkpoint.</remarks>
public sealed class RotaryEmbedding(int headWidth, int maxPosition, double theta, Device device) : IDisposable
{
    private Tensor? _cosine;
    private Tensor? _sine;

    /// <param name="x">[B, L, H, E].</param>
    /// <param name="positions">[B, L], or null for 0, 1, ... L - 1 in every row.</param>
    /// <returns>[B, L, H, E], in the type of x.</returns>
    public Tensor Rotate(Tensor x, Tensor? positions = null)
    {
        using var scope = NewDisposeScope();
        var (cosine, sine) = Tables(x.shape[1], positions);
        var halves = x.to(ScalarType.Float32).chunk(2, dim: -1);
        var (first, second) = (halves[0], halves[1]);
        return cat([(first * cosine) - (second * sine), (second * cosine) + (first * sine)], dim: -1).to(x.dtype).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _cosine?.Dispose();
        _sine?.Dispose();
    }

    /// <returns>Both [L, 1, E/2], or [B, L, 1, E/2] where rows have positions of their own.</returns>
    private (Tensor Cosine, Tensor Sine) Tables(long length, Tensor? positions)
    {
        if (_cosine is null || _sine is null)
            BuildTables();
        return positions is null
            ? (_cosine!.narrow(0, 0, length).unsqueeze(1), _sine!.narrow(0, 0, length).unsqueeze(1))
            : (_cosine![positions].unsqueeze(2), _sine![positions].unsqueeze(2));
    }

    private void BuildTables()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var exponents = arange(0, headWidth, 2, ScalarType.Float32, device) / headWidth;
        var frequencies = 1.0 / pow(tensor((float)theta, device: device), exponents);                          // [E/2]
        var angles = arange(maxPosition, ScalarType.Float32, device).unsqueeze(1) * frequencies.unsqueeze(0); // [maxPosition, E/2]
        _cosine = angles.cos().DetachFromDisposeScope();
        _sine = angles.sin().DetachFromDisposeScope();
    }
}
