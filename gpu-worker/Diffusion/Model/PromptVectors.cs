using LLaDA.Diffusion.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// The vectors of prompt tuning (Lester et al. 2021): they stand before the tokens of every row, as embeddings of virtual tokens whose ids
/// follow those of the embedding.
/// </summary>
/// <remarks>Not a module: the network's parameters stay those of its checkpoint.</remarks>
internal sealed class PromptVectors : IDisposable
{
    private readonly Scalar _firstId;
    private readonly Scalar _lastToken;

    /// <param name="vectors">[k, D], k at least 1; copied to float32.</param>
    /// <param name="embeddingSize">The id of the first virtual token.</param>
    public PromptVectors(Tensor vectors, int embeddingSize)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Vectors = new Parameter(vectors.detach().to(ScalarType.Float32, copy: true));
        Vectors.DetachFromDisposeScope();
        (_firstId, _lastToken) = (((long)embeddingSize).ToScalar(), (embeddingSize - 1L).ToScalar());
    }

    /// <summary>[k, D], float32.</summary>
    public Parameter Vectors { get; }

    public int Count => (int)Vectors.shape[0];

    /// <param name="tokens">[T], virtual ones among them.</param>
    /// <param name="embedding">Of the other tokens.</param>
    /// <returns>[T, D], in the type of the embedding.</returns>
    public Tensor Embed(Tensor tokens, Embedding embedding)
    {
        using var scope = NewDisposeScope();
        var embedded = embedding.call(tokens.clamp_max(_lastToken));
        var index = tokens.sub(_firstId);
        var isVirtual = index.ge(StaticScalars.Zero).unsqueeze(1);                          // [T, 1]
        var vectors = Vectors.index_select(0, index.clamp_min(StaticScalars.Zero)).to(embedded.dtype);
        return where(isVirtual, vectors, embedded).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        Vectors.Dispose();
        _firstId.Dispose();
        _lastToken.Dispose();
    }
}
